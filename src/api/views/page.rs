//! Size and order of the pages of lists.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Entries of a page if the request has no `limit`.
pub const PAGE: usize = 100;
/// Maximum number of entries of a page.
pub const MAX_PAGE: usize = 1000;

/// Returns the number of entries of a page for the `limit` of a request.
pub fn page_size(limit: Option<u32>) -> usize {
    limit.map_or(PAGE, |limit| limit as usize).clamp(1, MAX_PAGE)
}

/// Order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Oldest first.
    #[default]
    Asc,
    /// Newest first.
    Desc,
}
