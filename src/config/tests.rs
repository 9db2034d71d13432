#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{path::Path, time::Duration};

use super::{load::FILE_NAME, setting::Unit, *};
use crate::{crypto::rescue::Engine, tls::TlsFiles};

fn load(
    file: Option<&str>,
    env: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = file.map(|text| {
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, text).unwrap();
        path
    });
    let mut given = Flags::new();
    for (key, value) in flags {
        given.add(key, "--flag", value);
    }
    Config::load(path.as_deref(), &Environment::from_pairs(env.iter().copied()), &given)
}

fn message(result: Result<Config, ConfigError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn every_setting_is_documented_once_and_has_a_default_that_parses() {
    let config = load(None, &[], &[]).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8088".parse().unwrap());
    assert_eq!(config.gone_timeout, Duration::from_secs(60));
    assert_eq!(config.prepare_data_interval, Duration::from_secs(5));
    assert!(config.aggregate.is_none() && config.secret.is_none() && config.data_dir.is_none());
    for (index, setting) in SETTINGS.iter().enumerate() {
        assert!(!setting.help().is_empty());
        let mut others = SETTINGS.iter().skip(index + 1);
        assert!(others.all(|other| other.name != setting.name), "{} twice", setting.name);
        if let Some((flag, _)) = setting.flag {
            // `--from` and `--share` are short for `node_from` and `node_share`.
            let name = setting.name.replace('_', "-");
            assert!(flag == format!("--{name}") || flag == name.replace("node-", "--"), "{flag}");
        }
    }
}

/// A row of `docs/configuration.md`; absent parts are dashes.
fn row(setting: &Setting) -> String {
    let code = |text: &str| format!("`{text}`");
    let absent = || "–".to_owned();
    let variable = |(name, unit): (&str, Unit)| match unit {
        Unit::Plain => code(name),
        Unit::Milliseconds => format!("`{name}` (ms)"),
        Unit::Seconds => format!("`{name}` (s)"),
        Unit::Port => format!("`{name}` (port)"),
    };
    format!(
        "| `{}` | {} | {} | {} | {} |\n",
        setting.name,
        setting.default.map_or_else(absent, code),
        setting.flag.map_or_else(absent, |(flag, _)| code(flag)),
        setting.reference.map_or_else(absent, variable),
        setting.help(),
    )
}

#[test]
fn the_document_holds_the_table_of_settings() {
    // `UPDATE_DOCS=1` writes the table.
    const MARKS: [&str; 2] =
        ["<!-- begin of the generated table -->\n", "<!-- end of the generated table -->\n"];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(MARKS[0]).unwrap();
    let (_, after) = rest.split_once(MARKS[1]).unwrap();
    let head = "| setting | default | flag | variable of the reference | meaning |\n| --- | --- | --- | --- | --- |\n";
    let rows: String = SETTINGS.iter().map(row).collect();
    let expected = format!("{before}{}\n{head}{rows}\n{}{after}", MARKS[0], MARKS[1]);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap() == expected, "run this test with UPDATE_DOCS=1");
}

#[test]
fn every_setting_is_read() {
    // A value that no parser takes must be refused, or nothing reads the setting. Free texts are
    // the exception.
    for key in SETTINGS {
        let free = [
            "data_dir",
            "verification_keys",
            "secret",
            "secret_file",
            "operator_token",
            "operator_token_file",
            "tls_ca",
            "node_password_file",
            "node_tls_ca",
        ]
        .contains(&key.name);
        let result = load(None, &[], &[(key.name, "=\u{0}=")]);
        assert_eq!(result.is_ok(), free && !key.name.ends_with("_file"), "{}", key.name);
    }
}

#[test]
fn default_times_fit_those_of_usual_proxies_and_of_docker() {
    let config = load(None, &[], &[]).unwrap();
    // Proxies and load balancers reuse an idle connection for 60 s.
    assert!(config.idle_timeout > Duration::from_secs(60));
    // `docker stop` kills after 10 s.
    assert!(config.shutdown_timeout < Duration::from_secs(10));
}

#[test]
fn flags_beat_environment_beats_file_beats_default() {
    let file = "idle_provers = 2\nmax_attempts = 2\nhistory = 2\naggregate = [8, 1, 4]\n";
    let env = [("PROVER_CORE_IDLE_PROVERS", "3"), ("WITNESS_SERVER_MAX_ATTEMPTS", "3")];
    let config = load(Some(file), &env, &[("max_attempts", "4")]).unwrap();
    assert_eq!((config.history, config.idle_provers, config.max_attempts), (2, 3, 4));
    assert_eq!(config.aggregate, Some(vec![1, 4, 8]));
    assert!(matches!(config.origin("history"), Origin::File(_)));
    assert_eq!(config.origin("idle_provers"), &Origin::Env("PROVER_CORE_IDLE_PROVERS".into()));
    assert_eq!(config.origin("max_attempts"), &Origin::Flag("--flag".into()));
    assert_eq!(config.origin("listen"), &Origin::Default);
}

#[test]
fn our_own_variable_beats_the_one_of_the_reference() {
    let env = [("PROVER_CORE_GONE_TIMEOUT", "1000"), ("WITNESS_SERVER_GONE_TIMEOUT", "2s")];
    assert_eq!(load(None, &env, &[]).unwrap().gone_timeout, Duration::from_secs(2));
}

#[test]
fn all_variables_of_the_reference_work() {
    let env = [
        ("API_PROVER_PORT", "9000"),
        ("API_PROVER_URL", "http://127.0.0.1:9000/"),
        ("API_PROVER_SECRET_AUTH", "42"),
        ("PROVER_CORE_GONE_TIMEOUT", "60001"),
        ("PROVER_CORE_IDLE_PROVERS", "7"),
        ("PROVER_WITNESS_GENERATOR_PREPARE_DATA_INTERVAL", "50"),
        ("PROVER_WITNESS_GENERATOR_WITNESS_GENERATORS", "8"),
        ("PROVER_PROVER_HEARTBEAT_INTERVAL", "101"),
        ("PROVER_PROVER_CYCLE_WAIT", "51"),
        ("PROVER_PROVER_REQUEST_TIMEOUT", "11"),
        ("PROVER_PROVER_DIE_AFTER_PROOF", "true"),
        ("API_PROMETHEUS_PORT", "3313"),
    ];
    let config = load(Some("listen = \"0.0.0.0:1\""), &env, &[]).unwrap();
    assert_eq!(config.listen, "0.0.0.0:9000".parse().unwrap(), "the port only");
    assert_eq!(config.admin_listen, "127.0.0.1:3313".parse().unwrap());
    assert_eq!(config.url, "http://127.0.0.1:9000");
    assert_eq!(config.secret.unwrap().expose(), b"42");
    assert_eq!(config.gone_timeout, Duration::from_millis(60_001));
    assert_eq!(config.idle_provers, 7);
    assert_eq!(config.prepare_data_interval, Duration::from_millis(50));
    assert_eq!(config.witness_generators, 8);
    assert_eq!(config.prover_heartbeat_interval, Duration::from_millis(101));
    assert_eq!(config.prover_cycle_wait, Duration::from_millis(51));
    assert_eq!(config.prover_request_timeout, Duration::from_secs(11));
    assert!(config.prover_die_after_proof);
}

#[test]
fn unknown_names_are_errors_that_name_the_nearest() {
    let error = message(load(Some("gone_timeot = \"1s\""), &[], &[]));
    assert!(error.contains("gone_timeot") && error.contains("did you mean gone_timeout?"), "{error}");
    let error = Flags::new().set("histry=3").unwrap_err().to_string();
    assert!(error.contains("did you mean history?"), "{error}");
    for (file, section, setting) in [
        ("[server]\nlisten = 1", "[server]", "as listen"),
        ("[prover]\nheartbeat_interval = '1s'", "[prover]", "as prover_heartbeat_interval"),
    ] {
        let error = load(Some(file), &[], &[]).unwrap_err();
        assert!(matches!(error, ConfigError::Section { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains(section) && error.contains(setting), "{error}");
    }
}

#[test]
fn unknown_variables_are_warnings_that_name_the_nearest() {
    for (name, nearest) in [
        ("WITNESS_SERVER_LISTN", "WITNESS_SERVER_LISTEN"),
        ("WITNESS_SERVER_VERSION", "WITNESS_SERVER_"),
        ("PROVER_CORE_GONE_TIMOUT", "PROVER_CORE_GONE_TIMEOUT"),
    ] {
        let config = load(None, &[(name, "x")], &[]).unwrap();
        let [warning] = config.warnings() else { panic!("{:?}", config.warnings()) };
        assert!(warning.contains(name) && warning.contains(&format!("has {nearest}")), "{warning}");
    }
    assert!(load(None, &[("WITNESS_SERVER_LISTEN", "127.0.0.1:1")], &[]).unwrap().warnings().is_empty());
}

#[test]
fn foreign_empty_and_kubernetes_variables_are_left_alone() {
    let env = [
        ("PATH", "/bin"),
        ("WITNESS_SERVER_LISTEN", ""),
        ("WITNESS_SERVER_SERVICE_HOST", "10.0.0.1"),
        ("WITNESS_SERVER_SERVICE_PORT_HTTP", "80"),
        ("WITNESS_SERVER_PORT_8088_TCP_ADDR", "10.0.0.1"),
        ("API_PROVER_PORT", "tcp://10.0.0.1:80"),
    ];
    let config = load(None, &env, &[]).unwrap();
    assert_eq!((config.listen.port(), config.warnings().len()), (8088, 0));
}

#[test]
fn bad_values_name_key_text_place_and_what_would_do() {
    for (key, value) in [
        ("gone_timeout", "60000"),
        ("gone_timeout", "0s"),
        ("listen", "localhost"),
        ("witness_generators", "0"),
        ("aggregate", "1,0"),
        ("cache_bytes", "64MB"),
        ("cache_bytes", "100"),
        ("cache_bytes", "1023KiB"),
        ("cache_bytes", "1025GiB"),
        ("cache_bytes", "2TiB"),
        ("cache_bytes", "99999999999999999999GiB"),
        ("url", "ftp://example.org"),
        ("url", "https://"),
        ("allow_short_secret", "maybe"),
        ("max_import_requests", "0"),
        ("log_format", "xml"),
        ("cpu_features", "avx2"),
    ] {
        let error = message(load(None, &[], &[(key, value)]));
        assert!(error.contains(key) && error.contains(value) && error.contains("--flag"), "{error}");
        assert!(error.contains("give "), "{error}");
    }
    let error = message(load(None, &[("PROVER_CORE_GONE_TIMEOUT", "60s")], &[]));
    assert!(error.contains("PROVER_CORE_GONE_TIMEOUT") && error.contains("milliseconds"), "{error}");
    let error = load(Some("\nhistory = \n"), &[], &[]).unwrap_err();
    assert!(matches!(error, ConfigError::NotToml { line: 2, .. }), "{error}");
    let error = load(Some("history = 1.5"), &[], &[]).unwrap_err();
    assert!(matches!(&error, ConfigError::WrongType { key, .. } if key == "history"), "{error}");
}

#[test]
fn sizes_have_units_up_to_tebibytes() {
    let floor = |text| load(None, &[], &[("min_free_bytes", text)]).unwrap().min_free_bytes;
    assert_eq!(["0", "512", "3KiB", "2TiB"].map(floor), [0, 512, 3 << 10, 2 << 40]);
    assert_eq!(load(None, &[], &[("cache_bytes", "1TiB")]).unwrap().cache_bytes, 1 << 40);
}

#[test]
fn an_engine_is_chosen_by_its_name() {
    let engine = |name| load(None, &[], &[("cpu_features", name)]).unwrap().cpu_features;
    assert_eq!(load(None, &[], &[]).unwrap().cpu_features, None);
    assert_eq!(engine("auto"), None);
    for chosen in Engine::ALL {
        assert_eq!(engine(chosen.name()), Some(chosen));
    }
    let error = message(load(None, &[], &[("cpu_features", "avx2")]));
    assert!(Engine::ALL.iter().all(|engine| error.contains(engine.name())), "{error}");
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let refused = |env: &[_], flags: &[_]| load(None, env, flags).unwrap_err();
    let same = refused(&[], &[("admin_listen", "127.0.0.1:8088")]);
    assert!(matches!(same, ConfigError::SameAddress(address) if address.port() == 8088));
    let slow = refused(&[], &[("gone_timeout", "50ms")]);
    assert!(matches!(slow, ConfigError::HeartbeatTooSlow { .. }));
    let both = refused(&[("API_PROVER_SECRET_AUTH", "s")], &[("secret_file", "f")]);
    assert!(matches!(both, ConfigError::SecretTwice { .. }));
    assert_eq!(
        both.to_string(),
        "secret (from environment API_PROVER_SECRET_AUTH) and secret_file (from flag --flag) are both set; remove one of them"
    );
    let both = load(Some("operator_token = 't'"), &[], &[("operator_token_file", "f")]);
    let both = message(both);
    assert!(both.contains("operator_token (from file ") && both.contains("settings.toml)"), "{both}");
    for one in ["tls_certificate", "tls_key"] {
        assert!(matches!(refused(&[], &[(one, "f")]), ConfigError::HalfOfTls));
    }
    let both = refused(&[], &[("node", "postgres://database"), ("aggregate", "1,4")]);
    assert!(matches!(both, ConfigError::AggregateWithNode));
    let both = load(None, &[], &[("tls_certificate", "c"), ("tls_key", "k")]).unwrap();
    assert_eq!(both.tls(), Some(TlsFiles { certificate: "c".into(), key: "k".into() }));
}

#[test]
fn print_gives_the_same_configuration_again_and_hides_the_secret() {
    let env = [("API_PROVER_SECRET_AUTH", "tell-nobody")];
    let config = load(Some("aggregate = [1, 4]\nhistory = 9"), &env, &[("data_dir", "a \"b\"")]).unwrap();
    let text = config.print();
    assert!(!text.contains("tell-nobody") && !format!("{config:?}").contains("tell-nobody"));
    assert!(text.contains("# environment API_PROVER_SECRET_AUTH") && text.contains("history = 9  # file"));
    let again = load(Some(&text), &[], &[]).unwrap();
    assert_eq!((again.history, &again.aggregate), (9, &Some(vec![1, 4])));
    assert_eq!(again.data_dir, config.data_dir);
}

#[test]
fn the_file_in_the_data_folder_is_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE_NAME), "history = 5").unwrap();
    let mut flags = Flags::new();
    flags.add("data_dir", "--data-dir", folder.path().to_str().unwrap());
    let config = Config::load(None, &Environment::default(), &flags).unwrap();
    assert_eq!(config.history, 5);
    assert_eq!(config.require_data_dir().unwrap(), folder.path());
    let missing = Config::load(Some(&folder.path().join("none")), &Environment::default(), &flags);
    assert!(matches!(missing, Err(ConfigError::Unreadable { .. })));
}

#[test]
fn a_byte_order_mark_at_the_start_of_a_file_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "\u{feff}from a file\r\n").unwrap();
    let toml = format!("\u{feff}history = 7\nsecret_file = {path:?}");
    let config = load(Some(&toml), &[], &[]).unwrap();
    assert_eq!((config.history, config.secret.unwrap().expose()), (7, &b"from a file"[..]));
}

#[test]
fn an_unusable_file_of_a_secret_is_named_with_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let (absent, empty) = (folder.path().join("absent"), folder.path().join("empty"));
    std::fs::write(&empty, "\u{feff} \n").unwrap();
    for setting in ["secret_file", "operator_token_file", "node_password_file"] {
        let error = |path: &Path| message(load(None, &[], &[(setting, path.to_str().unwrap())]));
        let is_named =
            |path: &Path| error(path).contains(&format!("{}, which {setting} names", path.display()));
        assert!(is_named(&absent) && is_named(&empty), "{}", error(&absent));
        assert!(
            error(&empty).ends_with("write the secret into it, or remove the setting"),
            "{}",
            error(&empty)
        );
    }
}

#[test]
fn the_scheme_of_a_url_may_be_in_capitals() {
    let url = |text| load(None, &[], &[("url", text)]).unwrap().url;
    assert_eq!(url("HTTP://Host:1/"), "http://Host:1");
    assert_eq!(url("Https://host"), "https://host");
}

#[test]
fn a_secret_does_not_show_itself_and_is_never_empty() {
    let secret = Secret::new("tell-nobody").unwrap();
    assert_eq!(format!("{secret:?}"), "Secret(hidden)");
    assert_eq!(Secret::new(""), Err(EmptySecret));
}

#[test]
fn without_a_secret_loopback_gets_a_generated_one_and_the_world_gets_none() {
    let folder = tempfile::tempdir().unwrap();
    let config = load(None, &[], &[("data_dir", folder.path().to_str().unwrap())]).unwrap();
    assert!(matches!(config.client_secret(), Err(SecretError::NotConfigured)));
    let first = config.server_secret(folder.path()).unwrap();
    let path = first.generated.expect("says where");
    assert_eq!(first.secret.expose().len(), 64);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let second = config.server_secret(folder.path()).unwrap();
    assert!(second.generated.is_none() && second.secret == first.secret);
    assert_eq!(config.client_secret().unwrap(), first.secret);

    std::fs::write(&path, "\n").unwrap();
    assert!(matches!(config.server_secret(folder.path()), Err(SecretError::GeneratedEmpty(_))));

    let open = load(None, &[], &[("listen", "0.0.0.0:0")]).unwrap();
    assert!(matches!(open.server_secret(folder.path()), Err(SecretError::BeyondLoopback(_))));
    let secret = "s".repeat(32);
    let configured = load(None, &[("API_PROVER_SECRET_AUTH", &secret)], &[("listen", "0.0.0.0:0")]).unwrap();
    assert_eq!(configured.server_secret(folder.path()).unwrap().secret.expose(), secret.as_bytes());
}

#[test]
fn a_short_secret_is_for_loopback_unless_it_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let start = |secret: &str, listen: &str, allow: &str| {
        let flags = [("listen", listen), ("allow_short_secret", allow)];
        let config = load(None, &[("API_PROVER_SECRET_AUTH", secret)], &flags).unwrap();
        config.server_secret(folder.path())
    };
    let (short, long) = ("s".repeat(31), "s".repeat(32));
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:127.0.0.1]:0"] {
        let refused = start(&short, listen, "false").unwrap_err();
        assert!(matches!(refused, SecretError::TooShort { length: 31, .. }));
        let message = refused.to_string();
        for part in ["31 bytes", "openssl rand -hex 32", "allow_short_secret"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!message.contains(&short), "{message}");
        assert!(start(&short, listen, "true").is_ok() && start(&long, listen, "false").is_ok(), "{listen}");
    }
    for listen in ["127.0.0.1:0", "127.1.2.3:0", "[::1]:0"] {
        assert!(start("s", listen, "false").is_ok(), "{listen}");
    }
}

#[test]
fn an_operator_token_can_be_sent_and_beyond_loopback_not_be_guessed() {
    let start = |token: &str, listen: &str, allow: &str| {
        let toml = format!("operator_token = {token:?}");
        let flags = [("admin_listen", listen), ("allow_short_secret", allow)];
        let config = load(Some(&toml), &[], &flags).unwrap();
        config.operator_secret()
    };
    let (short, long) = ("t".repeat(31), "t".repeat(32));
    assert_eq!(start(&short, "127.0.0.1:0", "false").unwrap().unwrap().expose(), short.as_bytes());
    let refused = start(&short, "0.0.0.0:0", "false").unwrap_err();
    assert!(matches!(refused, SecretError::OperatorTooShort { length: 31, .. }));
    assert!(!refused.to_string().contains(&short), "{refused}");
    assert!(start(&short, "0.0.0.0:0", "true").is_ok() && start(&long, "0.0.0.0:0", "false").is_ok());
    for token in ["two words", " front", "behind ", "grün", "tab\tbed"] {
        let refused = start(token, "127.0.0.1:0", "false").unwrap_err();
        assert!(matches!(refused, SecretError::OperatorNotVisible));
        assert!(!refused.to_string().contains(token), "{refused}");
    }
    assert!(load(None, &[], &[]).unwrap().operator_secret().unwrap().is_none());
}
