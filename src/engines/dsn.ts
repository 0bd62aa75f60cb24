/**
 * One address of a user's own server. In: a DSN and where it came from. Out: its pieces and the certificates it names, or
 * an error that never repeats the address: it may hold a password.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import type { VerifiedTls } from '../kit/tls.ts'

export type Env = Readonly<Record<string, string | undefined>>

export interface AddressSource {
  /** What messages call it: `--postgres`, `HEADROOM_POSTGRES_DSN`, `postgres in the engines file`. */
  readonly from: string
  readonly dsn: string
  /** Instead of the one in the DSN. */
  readonly password: string | undefined
  /** Paths that the engines file names; a DSN's own win. */
  readonly certificates: CertificateFiles
  readonly env: Env
}

export interface CertificateFiles {
  readonly ca?: string | undefined
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

export interface DsnRules {
  /** With the colon: `postgres:`. */
  readonly protocols: readonly string[]
  readonly example: string
}

/** @throws HeadroomError BAD_INPUT */
export function parseDsn(source: AddressSource, { protocols, example }: DsnRules): URL {
  const hint = `write it like ${example}`
  const escaped = `${hint}; in a user or password write / as %2F, @ as %40, # as %23, ? as %3F and : as %3A`
  let url: URL
  try {
    url = new URL(source.dsn)
  } catch {
    throw badAddress(source, 'is not an address', source.dsn.includes('@') ? escaped : hint)
  }
  // The password ended at a bare / or #, and what stands before it was taken for the host.
  if (`${url.pathname}${url.hash}`.includes('@')) {
    throw badAddress(source, 'holds an @ behind its host', escaped)
  }
  if (!protocols.includes(url.protocol)) {
    // `me:secret@host` parses too: its "protocol" would be a user's name.
    const said = url.hostname === '' ? 'is not an address' : `begins with ${url.protocol}//`
    throw badAddress(source, said, hint)
  }
  if (url.hostname === '') throw badAddress(source, 'names no host', hint)
  return url
}

export function badAddress(source: AddressSource, message: string, hint: string): HeadroomError {
  return new HeadroomError('BAD_INPUT', `${source.from} ${message}`, { hint })
}

export function userOf(source: AddressSource, url: URL): string | null {
  return url.username === '' ? null : decoded(source, url.username)
}

export function passwordOf(source: AddressSource, url: URL): string | undefined {
  if (source.password !== undefined) return source.password
  return url.password === '' ? undefined : decoded(source, url.password)
}

/** The path without its slash; empty where there is none. */
export function pathOf(source: AddressSource, url: URL): string {
  return decoded(source, url.pathname.slice(1))
}

/** Node's URL keeps the brackets of an IPv6 address; a socket wants none. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

/** A connection that never leaves this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host)
}

/** A password with a bare % in it is no valid address; the parser's message would quote it. */
function decoded(source: AddressSource, text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw badAddress(source, 'holds a % that begins no escape', 'write % itself as %25')
  }
}

/**
 * Reads the files a connection is verified with.
 * @throws HeadroomError FILE_NOT_FOUND, BAD_INPUT
 */
export function verifiedTls(
  source: AddressSource,
  files: CertificateFiles,
  checkHost = true,
): VerifiedTls {
  const ca = files.ca ?? source.certificates.ca
  const certificate = files.certificate ?? source.certificates.certificate
  const key = files.key ?? source.certificates.key
  if ((certificate === undefined) !== (key === undefined)) {
    throw badAddress(source, 'names half of a client certificate', 'name certificate and key')
  }
  return {
    // As libpq has it: the machine's own list, by name.
    ca: ca === undefined || ca === 'system' ? null : pem(source, ca, 'CERTIFICATE'),
    checkHost,
    client:
      certificate === undefined || key === undefined
        ? null
        : {
            certificate: pem(source, certificate, 'CERTIFICATE'),
            key: pem(source, key, 'PRIVATE KEY'),
          },
  }
}

function pem(source: AddressSource, file: string, holds: string): string {
  let text: string
  try {
    text = readFileSync(resolve(file), 'utf8')
  } catch (error) {
    const message = `${source.from} names a file that cannot be read: ${messageOf(error)}`
    throw new HeadroomError('FILE_NOT_FOUND', message, { hint: 'check the path' })
  }
  if (new RegExp(`-----BEGIN [A-Z ]*${holds}-----`).test(text)) return text
  const what = holds === 'CERTIFICATE' ? 'certificate' : 'private key'
  throw badAddress(source, `names ${file}, which holds no ${what}`, 'give a PEM file')
}
