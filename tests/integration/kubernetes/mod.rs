//! `type = "kubernetes"` with the real program, against an API server that misbehaves as it is told.

pub mod cluster;
mod objects;
mod server;
mod shards;
mod uses;
