/** Secrets on a command line. In: what was typed. Out: the same without them, and the list of what must not be written. */
import { SERVER_KINDS } from '../engines/kinds.ts'

/** Flags that carry an address; also those that no command takes yet, which must not be recorded either. */
const WITH_ADDRESS: readonly string[] = SERVER_KINDS.map((kind) => `--${kind}`)
/** How a connection is protected: without it the same command would not connect again. */
const SAID_OPENLY = ['sslmode', 'secure', 'tls', 'sasl']
/** Paths of files, not what is in them. */
const PATHS_SAID_OPENLY = ['sslrootcert', 'sslcert', 'sslkey', 'ca']

/** The command line as it may be recorded: credentials of addresses are left out. */
export function withoutSecrets(args: readonly string[]): string {
  return args
    .map((arg, index) => {
      const flag = arg.split('=')[0] ?? arg
      if (WITH_ADDRESS.includes(flag) && arg.includes('=')) {
        return `${flag}=${withoutCredentials(arg.slice(flag.length + 1))}`
      }
      return WITH_ADDRESS.includes(args[index - 1] ?? '') ? withoutCredentials(arg) : arg
    })
    .map(quoteForShell)
    .join(' ')
}

/** `postgres://user:secret@host/db` → `postgres://host/db`; something that is no address is replaced as a whole. */
export function withoutCredentials(address: string): string {
  try {
    const url = new URL(address)
    // `me:secret@host` parses as a url too, of the protocol `me:`.
    if (url.hostname === '') return '<address>'
    url.username = ''
    url.password = ''
    url.search = [
      ...saidOpenly(url, SAID_OPENLY, /^[a-z0-9-]{1,20}$/i),
      ...saidOpenly(url, PATHS_SAID_OPENLY, /^[\w./~-]{1,200}\.\w{1,8}$/),
    ].join('&')
    return url.href
  } catch {
    return '<address>'
  }
}

function saidOpenly(url: URL, names: readonly string[], form: RegExp): readonly string[] {
  return names.flatMap((name) => {
    const value = url.searchParams.get(name)
    return value !== null && form.test(value) ? [`${name}=${value}`] : []
  })
}

export function quoteForShell(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`
}
