//! `/-/healthy`: the process answers.

/// Always 200.
pub async fn answer() -> &'static str {
    "healthy\n"
}
