//! A plot of one series as SVG, with a logarithmic x axis and a linear y axis from zero.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
/// Left, right, top and bottom margin, in pixels.
const MARGINS: [f64; 4] = [64.0, 24.0, 44.0, 52.0];

/// Points in ascending order of x; all coordinates are positive.
pub struct Series(pub Vec<(f64, f64)>);

/// A plot of one series.
pub struct Plot {
    /// Title above the plot.
    pub title: String,
    /// Label of the x axis.
    pub x: &'static str,
    /// Label of the y axis.
    pub y: &'static str,
    /// Points of the curve.
    pub series: Series,
}

impl Plot {
    /// Returns the plot as an SVG document, readable on light and dark backgrounds.
    pub fn svg(&self) -> String {
        let [left, right, top, bottom] = MARGINS;
        let points = &self.series.0;
        let of = |pick: fn(&(f64, f64)) -> f64, fold: fn(f64, f64) -> f64, from: f64| {
            points.iter().map(pick).fold(from, fold)
        };
        let (least, most) = (of(|p| p.0, f64::min, f64::MAX), of(|p| p.0, f64::max, 0.0));
        let step = tick(of(|p| p.1, f64::max, 0.0) / 4.0);
        let height = step * (of(|p| p.1, f64::max, 0.0) / step).ceil().max(1.0);
        let span = (most / least).ln().max(f64::MIN_POSITIVE);
        let across = |x: f64| left + (x / least).ln() / span * (WIDTH - left - right);
        let up = |y: f64| HEIGHT - bottom - y / height * (HEIGHT - top - bottom);

        let mut svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="{left}" y="24" font-size="15" fill="#111111">{}</text>
"##,
            self.title
        );
        let mut line = |text: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(svg, "{text}");
        };
        let mut level = 0.0;
        while level <= height * 1.0001 {
            let y = up(level);
            line(format!(r##"<path d="M{left} {y:.1}H{}" stroke="#dddddd"/>"##, WIDTH - right));
            line(format!(
                r##"<text x="{}" y="{:.1}" text-anchor="end" fill="#444444">{level}</text>"##,
                left - 8.0,
                y + 4.0
            ));
            level += step;
        }
        for &(x, _) in points {
            line(format!(
                r##"<text x="{:.1}" y="{}" text-anchor="middle" fill="#444444">{x}</text>"##,
                across(x),
                HEIGHT - bottom + 18.0
            ));
        }
        let path: Vec<String> =
            points.iter().map(|&(x, y)| format!("{:.1},{:.1}", across(x), up(y))).collect();
        line(format!(
            r##"<polyline points="{}" fill="none" stroke="#1f5fbf" stroke-width="2"/>"##,
            path.join(" ")
        ));
        for &(x, y) in points {
            let (x, up) = (across(x), up(y));
            line(format!(r##"<circle cx="{x:.1}" cy="{up:.1}" r="3.5" fill="#1f5fbf"/>"##));
            line(format!(
                r##"<text x="{x:.1}" y="{:.1}" text-anchor="middle" fill="#111111">{y:.0}</text>"##,
                up - 9.0
            ));
        }
        line(format!(
            r##"<text x="{}" y="{}" text-anchor="middle" fill="#444444">{}</text>"##,
            (left + WIDTH - right) / 2.0,
            HEIGHT - 12.0,
            self.x
        ));
        line(format!(
            r##"<text transform="translate(16 {}) rotate(-90)" text-anchor="middle" fill="#444444">{}</text>"##,
            (top + HEIGHT - bottom) / 2.0,
            self.y
        ));
        svg + "</svg>\n"
    }
}

/// Returns the smallest of 1, 2, 5, 10, 20, … that is at least `least`.
fn tick(least: f64) -> f64 {
    let mut tick = 1.0;
    while tick < least {
        tick *= if tick.log10().fract() > 0.2 && tick.log10().fract() < 0.5 { 2.5 } else { 2.0 };
    }
    tick
}

#[cfg(test)]
#[allow(unused_imports, dead_code, reason = "a benchmark has no test harness; tests/ runs these")]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_drawn_inside_the_picture() {
        let series = Series(vec![(1e3, 120.0), (1e4, 121.0), (1e6, 150.0)]);
        let svg = Plot { title: "t".into(), x: "x", y: "y", series }.svg();
        assert_eq!(svg.matches("<circle").count(), 3);
        for coordinate in svg.split("cx=\"").skip(1) {
            let x: f64 = coordinate.split('"').next().unwrap().parse().unwrap();
            assert!((MARGINS[0]..=WIDTH - MARGINS[1]).contains(&x), "{x}");
        }
        assert_eq!([tick(0.3), tick(3.0), tick(30.0), tick(31.0)], [1.0, 5.0, 50.0, 50.0]);
    }
}
