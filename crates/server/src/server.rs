//! Listening: one task per connection, a limit on how long a head may take, and an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use everstep_engine::Handle;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::errors::Code;
use crate::http::App;
use crate::rest::Problem;
use crate::tls::Tls;
use crate::{
    Options, approvals, artifacts, aws_json, callbacks, door, function_urls, gateway, lambda, logs,
    metrics, rest, states,
};

/// The server could not begin to listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{address} is in use by another process ({code}): end that process or listen elsewhere", code = Code::PortInUse)]
    PortInUse { address: SocketAddr },
    #[error("can't listen on {address}: {source}")]
    Unavailable {
        address: SocketAddr,
        source: std::io::Error,
    },
}

/// All protocols on one address.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Listens at once; the returned future serves until [`Options::shutdown`] is cancelled.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn bind(
        options: Options,
        handle: Handle,
    ) -> Result<(SocketAddr, impl Future<Output = ()> + Send + 'static), BindError> {
        let wanted = options.listen;
        let listener = Self::listen(wanted).await?;
        let address = local(&listener, wanted)?;
        Ok((address, Self::serve(listener, options, handle)?))
    }

    /// Takes an address before there is anything to serve on it: functions are told it before the engine recovers.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn listen(wanted: SocketAddr) -> Result<TcpListener, BindError> {
        let listener = TcpListener::bind(wanted).await;
        listener.map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => BindError::PortInUse { address: wanted },
            _ => BindError::Unavailable {
                address: wanted,
                source,
            },
        })
    }

    /// Serves on an address that was taken.
    ///
    /// # Errors
    /// [`BindError::Unavailable`] when the listener has no address any more.
    pub fn serve(
        listener: TcpListener,
        options: Options,
        handle: Handle,
    ) -> Result<impl Future<Output = ()> + Send + 'static, BindError> {
        let address = local(&listener, options.listen)?;
        let base = options.public_url.clone().unwrap_or_else(|| {
            let scheme = if options.tls.is_some() {
                "https"
            } else {
                "http"
            };
            format!("{scheme}://{address}")
        });
        let now = handle.clock().now();
        let app = App {
            handle,
            base: base.trim_end_matches('/').into(),
            callbacks: options.traffic.state(&options.callbacks, now),
            options: Arc::new(options),
            queries: Arc::default(),
            redrives: Arc::default(),
        };
        Ok(serve(listener, app))
    }
}

fn local(listener: &TcpListener, wanted: SocketAddr) -> Result<SocketAddr, BindError> {
    let unavailable = |source| BindError::Unavailable {
        address: wanted,
        source,
    };
    listener.local_addr().map_err(unavailable)
}

fn router(app: App) -> Router {
    let routes = Router::new()
        .merge(rest::routes())
        .merge(approvals::routes())
        .merge(artifacts::routes())
        .merge(callbacks::routes());
    routes
        .method_not_allowed_fallback(elsewhere)
        .fallback(elsewhere)
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            door::guard,
        ))
        // Outermost: what the door refuses is counted, too.
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            metrics::measure,
        ))
        .with_state(app)
}

/// AWS's paths, then the routes of functions; both are matched by hand, on the raw path.
async fn elsewhere(State(app): State<App>, request: hyper::Request<Body>) -> Response {
    if states::speaks(&request) {
        return states::serve(app, request).await;
    }
    if aws_json::speaks(&request) {
        return logs::serve(app, request).await;
    }
    if lambda::speaks(&request) {
        return lambda::serve(app, request).await;
    }
    let (head, body) = request.into_parts();
    let body = match function_urls::serve(&app, &head, body).await {
        Ok(answered) => return answered,
        Err(body) => body,
    };
    let answered = gateway::serve(&app, &head, body).await;
    let unknown = || {
        Err(Problem::new(
            Code::UnknownRoute,
            "There is nothing at this address",
        ))
    };
    answered
        .unwrap_or_else(unknown)
        .unwrap_or_else(Problem::into_response)
}

async fn serve(listener: TcpListener, app: App) {
    let options = Arc::clone(&app.options);
    let limits = options.limits;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_bytes_max)
        .max_headers(limits.headers_max);
    let entrance = Entrance {
        http,
        router: router(app),
        tls: options.tls.clone(),
        handshake_timeout: limits.head_timeout,
        connections: GracefulShutdown::new(),
    };
    let places = Arc::new(Semaphore::new(limits.connections_max));
    loop {
        let accepted = async {
            // Without a place the next one waits in the listener's queue.
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place.ok())
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            () = options.shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => entrance.connect(stream, peer, place),
            Err(error) => {
                // Most often there are no file descriptors left: others have to end first.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(limits.shutdown_timeout, entrance.connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests were still open when the server ended");
    }
}

/// What every connection is made of.
struct Entrance {
    http: http1::Builder,
    router: Router,
    tls: Option<Tls>,
    handshake_timeout: std::time::Duration,
    connections: GracefulShutdown,
}

impl Entrance {
    fn connect(&self, stream: TcpStream, peer: SocketAddr, place: Option<OwnedSemaphorePermit>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        let (http, watcher) = (self.http.clone(), self.connections.watcher());
        let service = self.service(peer);
        let Some(tls) = &self.tls else {
            tokio::spawn(async move {
                let connection = http.serve_connection(TokioIo::new(stream), service);
                told(watcher.watch(connection).await, peer);
                drop(place);
            });
            return;
        };
        let handshake = tokio::time::timeout(self.handshake_timeout, tls.acceptor().accept(stream));
        tokio::spawn(async move {
            match handshake.await {
                Ok(Ok(stream)) => {
                    let connection = http.serve_connection(TokioIo::new(stream), service);
                    told(watcher.watch(connection).await, peer);
                }
                Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS came about"),
                Err(_) => tracing::debug!(%peer, "no TLS came about in time"),
            }
            drop(place);
        });
    }

    fn service(
        &self,
        peer: SocketAddr,
    ) -> impl hyper::service::Service<
        hyper::Request<hyper::body::Incoming>,
        Response = Response,
        Error = std::convert::Infallible,
        Future: Send + 'static,
    > + Send
    + 'static {
        let router = self.router.clone();
        TowerToHyperService::new(tower::service_fn(
            move |mut request: hyper::Request<hyper::body::Incoming>| {
                use tower::Service as _;
                request.extensions_mut().insert(Peer(peer));
                router.clone().call(request)
            },
        ))
    }
}

fn told(ended: Result<(), hyper::Error>, peer: SocketAddr) {
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection broke");
    }
}

/// Who sent a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub SocketAddr);
