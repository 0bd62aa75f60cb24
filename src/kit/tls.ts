/**
 * TLS towards the user's own servers. In: certificates as the user named them. Out: options for Node's TLS clients that
 * always verify, and for a handshake that failed the one thing that is wrong and what to do about it.
 */

/** Texts, not files: a service may run where the files are not. Whoever wants no verification wants no TLS from us. */
export interface VerifiedTls {
  /** PEM of the authorities to trust instead of Node.js's own list; null: that list. */
  readonly ca: string | null
  /** Whether the certificate must name the host; `verify-ca` does without. */
  readonly checkHost: boolean
  /** What this side shows where the server asks for it. The key is a secret. */
  readonly client: { readonly certificate: string; readonly key: string } | null
}

export interface TlsClientOptions {
  rejectUnauthorized: true
  ca?: string
  cert?: string
  key?: string
  checkServerIdentity?: () => undefined
}

/** For tls.connect, https.Agent, undici and pg alike. */
export function tlsClientOptions(tls: VerifiedTls): TlsClientOptions {
  return {
    rejectUnauthorized: true,
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    ...(tls.client === null ? {} : { cert: tls.client.certificate, key: tls.client.key }),
    ...(tls.checkHost ? {} : { checkServerIdentity: () => undefined }),
  }
}

export interface TlsFailure {
  /** Goes behind the name of the server: `shows a certificate that …`. */
  readonly message: string
  readonly remedy: string
}

/** How the user names files and asks for a plain connection: it differs by engine. */
export interface TlsWords {
  /** `sslrootcert=… in the DSN or ca: in the engines file` */
  readonly nameCa: string
  readonly nameClient: string
  readonly askForPlain: string
}

/** Error codes of OpenSSL's X509_verify_cert as Node.js spells them. */
const UNTRUSTED = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_REJECTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
])

/** null where the failure has nothing to do with TLS. */
export function tlsFailureOf(error: unknown, tls: VerifiedTls, words: TlsWords): TlsFailure | null {
  for (const cause of causesOf(error)) {
    const failure = certificateFailure(cause, tls, words) ?? handshakeFailure(cause, words)
    if (failure !== null) return failure
  }
  return null
}

function certificateFailure(
  error: NodeJS.ErrnoException,
  tls: VerifiedTls,
  words: TlsWords,
): TlsFailure | null {
  const code = error.code ?? ''
  if (UNTRUSTED.has(code)) {
    return tls.ca === null
      ? {
          message: 'shows a certificate that no known authority has signed',
          remedy: `name the file of its authority: ${words.nameCa}`,
        }
      : {
          message: 'shows a certificate that the authority you named has not signed',
          remedy: `ask whoever runs the server for its CA file, and name that one: ${words.nameCa}`,
        }
  }
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return {
        message: 'shows a certificate that has expired',
        remedy: 'have the server’s certificate renewed, and check this machine’s clock',
      }
    case 'CERT_NOT_YET_VALID':
      return {
        message: 'shows a certificate that is not yet valid',
        remedy: 'check this machine’s clock, and the certificate’s dates',
      }
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        message: `shows a certificate for another host (${namesIn(error)})`,
        remedy: 'write the address with a name that the certificate holds',
      }
    default:
      return null
  }
}

function handshakeFailure(error: NodeJS.ErrnoException, words: TlsWords): TlsFailure | null {
  const text = `${error.code ?? ''} ${error.message}`
  if (/CERTIFICATE_REQUIRED|certificate required/i.test(text)) {
    return { message: 'asks for a client certificate', remedy: `name yours: ${words.nameClient}` }
  }
  if (
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN)|alert (unknown ca|bad cert)/i.test(text)
  ) {
    return {
      message: 'does not accept the client certificate',
      remedy: `show one that its authority has signed: ${words.nameClient}`,
    }
  }
  if (text.includes('KEY_VALUES_MISMATCH')) {
    return {
      message: 'was not asked: client certificate and client key do not belong together',
      remedy: `name a pair: ${words.nameClient}`,
    }
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|wrong version number/i.test(text)) {
    return {
      message: 'does not speak TLS on this port',
      remedy: `name its TLS port, or ask for a plain connection by name: ${words.askForPlain}`,
    }
  }
  if (
    /ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|HANDSHAKE_FAILURE|NO_SHARED_CIPHER/i.test(text)
  ) {
    return {
      message: 'speaks no version of TLS that this Node.js still allows',
      remedy: 'let the server offer TLS 1.2 or 1.3',
    }
  }
  return null
}

/** An error, what it wraps, and what several attempts failed with. */
function causesOf(error: unknown): readonly NodeJS.ErrnoException[] {
  const causes: NodeJS.ErrnoException[] = []
  const queue: unknown[] = [error]
  for (let next = queue.shift(); next !== undefined && causes.length < 16; next = queue.shift()) {
    if (!(next instanceof Error)) continue
    causes.push(next)
    if (next.cause !== undefined) queue.push(next.cause)
    if (next instanceof AggregateError) queue.push(...(next.errors as unknown[]))
  }
  return causes
}

function namesIn(error: Error): string {
  const { cert } = error as { readonly cert?: { readonly subjectaltname?: unknown } }
  const names = cert?.subjectaltname
  return typeof names === 'string' && names !== '' ? names.slice(0, 200) : 'it names no host'
}
