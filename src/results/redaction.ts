/**
 * The last door before the disk. In: what is about to be written and the secrets of the run. Out: nothing, or an error
 * that names the field and never the secret.
 */

/**
 * Words that Headroom itself writes into every record. Where such a word is also somebody's password, only places
 * that look like credentials can be told apart from its ordinary use.
 */
const ORDINARY_WORDS = new Set([
  'postgres',
  'postgresql',
  'clickhouse',
  'default',
  'headroom',
  'localhost',
  'password',
  'events',
  'service',
  'database',
  'warehouse',
])

/** A shorter secret occurs in numbers and ids by chance. */
const SHORTEST_DISTINCTIVE_LENGTH = 6

/**
 * Throws when a secret is part of any string or key in `value`, also URL-encoded, base64 or JSON-escaped.
 * An empty secret is no secret. It is a programmer's mistake when it throws: secrets never belong in what is written.
 */
export function assertNoSecrets(value: unknown, secrets: readonly string[]): void {
  const patterns = secrets.filter((secret) => secret !== '').flatMap(patternsOf)
  if (patterns.length === 0) return
  const path = findIn(value, patterns, '')
  if (path !== null) {
    throw new Error(`a secret would be written in field ${path}: refused`)
  }
}

/** Whether a text (a log line, a page) holds one of the secrets. */
export function holdsSecret(text: string, secrets: readonly string[]): boolean {
  return secrets
    .filter((secret) => secret !== '')
    .flatMap(patternsOf)
    .some((pattern) => pattern.test(text))
}

/** The same text with every secret put out: for words that come from a program of the user's own. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret !== '')
    .flatMap(patternsOf)
    .reduce((left, pattern) => left.replaceAll(new RegExp(pattern, `g${pattern.flags}`), PUT_OUT), text)
}

const PUT_OUT = '<secret>'

function patternsOf(secret: string): readonly RegExp[] {
  const forms = new Set([
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret, 'utf8').toString('base64'),
    Buffer.from(secret, 'utf8').toString('base64url'),
  ])
  const distinctive =
    secret.length >= SHORTEST_DISTINCTIVE_LENGTH && !ORDINARY_WORDS.has(secret.toLowerCase())
  return [...forms].map((form) => {
    const text = escapeForRegExp(form)
    return distinctive
      ? new RegExp(text)
      : // user:secret@host, password=secret, "password": "secret", password 'secret'
        new RegExp(`(://[^/@\\s]*:${text}@|(password|passwd|pwd|secret)["']?\\s*[=:]?\\s*["']?${text}(?![\\w-]))`, 'i')
  })
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}

function findIn(value: unknown, patterns: readonly RegExp[], path: string): string | null {
  if (typeof value === 'string') {
    return patterns.some((pattern) => pattern.test(value)) ? (path === '' ? '(whole)' : path) : null
  }
  if (typeof value !== 'object' || value === null) return null
  const entries: [string, unknown][] = Object.entries(value)
  for (const [key, item] of entries) {
    if (patterns.some((pattern) => pattern.test(key))) return `${path === '' ? '' : `${path}.`}(a key)`
    const found = findIn(item, patterns, path === '' ? key : `${path}.${key}`)
    if (found !== null) return found
  }
  return null
}
