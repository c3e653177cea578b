//! An answer's body, chunk by chunk.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;

use crate::model::ScanContext;

use super::backoff::within;
use super::fault::Fault;

/// The rest of an answer.
pub(super) struct Body(pub(super) kube_client::client::Body);

impl Body {
    /// The next chunk; `None` at the proper end. Cancel safe.
    pub(super) async fn chunk(&mut self, most: Duration, cx: &ScanContext) -> Result<Option<Bytes>, Fault> {
        let next = async {
            loop {
                match std::future::poll_fn(|context| Pin::new(&mut self.0).poll_frame(context)).await {
                    None => return Ok(None),
                    Some(Err(error)) => return Err(Fault::of_transport(&error)),
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) if !data.is_empty() => return Ok(Some(data)),
                        _ => {}
                    },
                }
            }
        };
        match within(cx, most, next).await {
            Some(result) => result,
            None => Err(Fault::timeout(format!("nothing came for {} s", most.as_secs()))),
        }
    }

    /// The beginning of it, as far as it comes.
    pub(super) async fn beginning(&mut self, most: usize, cx: &ScanContext) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = self.chunk(Duration::from_secs(5), cx).await {
            bytes.extend_from_slice(&chunk[..chunk.len().min(most - bytes.len())]);
            if bytes.len() == most {
                break;
            }
        }
        bytes
    }
}
