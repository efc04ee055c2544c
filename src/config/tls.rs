//! What `[tls]` says, made into a [`Tls`].

use std::path::{Path, PathBuf};

use super::gateway::Listen;
use super::keys::Section;
use super::tls_table::{ClientsTable, Host, TlsTable};
use crate::gateway::{Authorities, Certificate, Serve, Sockets};

pub(super) use crate::gateway::Tls;

/// What is wrong, and which key of the table says so.
type Wrong = (Option<&'static str>, String);

/// An address with what it is to be secured with.
pub(super) fn bind<S>(serve: Serve<S>, listen: &Listen, tls: Option<&Tls>) -> Serve<S> {
    let address = listen.address.clone();
    match tls {
        Some(tls) if listen.tls => serve.tls(address, tls.clone()),
        _ => serve.bind(address),
    }
}

/// Sockets that were taken over, those of such an address secured.
pub(super) fn secure(
    sockets: Sockets,
    listen: &Listen,
    tls: Option<&Tls>,
) -> Result<Sockets, crate::Error> {
    match tls {
        Some(tls) if listen.tls => sockets.secured(listen.address.clone(), tls),
        _ => Ok(sockets),
    }
}

/// Reads certificates anew.
pub(super) fn reload(tls: &Tls) -> Result<(), crate::Error> {
    tls.reload()
}

/// Reads certificates anew, or those of another in their place; the function takes them on.
pub(super) fn begin_reload<'t>(
    tls: &'t Tls,
    other: Option<&Tls>,
) -> Result<impl FnOnce() + use<'t>, crate::Error> {
    let read = tls.begin_reload(other)?;
    Ok(|| read.take_on())
}

/// Reads the files that the table names; `None` if something is wrong, which is noted.
pub(super) fn load(table: &TlsTable, base: &Path, section: &mut Section<'_, '_>) -> Option<Tls> {
    match tls(table, base) {
        Ok(tls) => Some(tls),
        Err((key, text)) => {
            let at = section.place(key);
            section.mistakes().add(at, text);
            None
        }
    }
}

fn tls(table: &TlsTable, base: &Path) -> Result<Tls, Wrong> {
    let files = (&table.certificate, &table.key, &table.ocsp);
    // What is not there has no place.
    let place = table.certificate.as_ref().and(table.key.as_ref());
    let default = certificate(files, base).map_err(|text| (place.map(|_| "certificate"), text))?;
    let mut tls = Tls::new(default);
    for host in table.host.iter().flatten() {
        tls = with_host(tls, host, base).map_err(|text| (Some("host"), text))?;
    }
    if let Some(clients) = &table.clients {
        tls = with_clients(tls, clients, base).map_err(|text| (Some("clients"), text))?;
    }
    if table.refuse_unknown == Some(true) {
        tls = tls.refuse_unknown();
    }
    if table.strict_authority == Some(true) {
        tls = tls.strict_authority();
    }
    if table.only_tls13 == Some(true) {
        tls = tls.only_tls13();
    }
    if let Some(names) = &table.alpn {
        if let Some(wrong) = names.iter().find(|name| !(1..=255).contains(&name.len())) {
            return Err((
                Some("alpn"),
                format!("`alpn`: {wrong:?} is no name of a protocol"),
            ));
        }
        tls = tls.alpn(names.iter().map(String::as_str));
    }
    tls.prepare().map_err(|error| (None, error.to_string()))?;
    Ok(tls)
}

type Files<'t> = (
    &'t Option<PathBuf>,
    &'t Option<PathBuf>,
    &'t Option<PathBuf>,
);

fn certificate((chain, key, ocsp): Files<'_>, base: &Path) -> Result<Certificate, String> {
    let chain = chain.as_ref().ok_or("there is no `certificate`")?;
    let key = key.as_ref().ok_or("there is no `key`")?;
    let certificate = Certificate::pem_files(base.join(chain), base.join(key));
    let certificate = certificate.map_err(|error| format!("`certificate`: {error}"))?;
    match ocsp {
        Some(file) => {
            let stapled = certificate.stapled(base.join(file));
            stapled.map_err(|error| format!("`ocsp`: {error}"))
        }
        None => Ok(certificate),
    }
}

fn with_host(tls: Tls, host: &Host, base: &Path) -> Result<Tls, String> {
    let name = host.name.as_ref().ok_or("a `host` has no `name`")?;
    let certificate = certificate((&host.certificate, &host.key, &host.ocsp), base);
    let certificate = certificate.map_err(|error| format!("host {name:?}: {error}"))?;
    tls.host(name, certificate)
        .map_err(|error| error.to_string())
}

fn with_clients(tls: Tls, clients: &ClientsTable, base: &Path) -> Result<Tls, String> {
    let file = clients.authorities.as_ref();
    let file = file.ok_or("`clients`: there is no `authorities`")?;
    let authorities = Authorities::pem_file(base.join(file));
    let mut authorities = authorities.map_err(|error| format!("`authorities`: {error}"))?;
    if let Some(file) = &clients.revoked {
        let revoked = authorities.revoked(base.join(file));
        authorities = revoked.map_err(|error| format!("`revoked`: {error}"))?;
    }
    Ok(match clients.required {
        None | Some(true) => tls.client_required(authorities),
        Some(false) => tls.client_optional(authorities),
    })
}
