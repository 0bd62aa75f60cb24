/** Debian's package records. In: what `apt-cache show` prints. Out: which packages a program needs to run by itself. */

export interface DebRecord {
  readonly name: string
  readonly version: string
  readonly sha256: string
  /** Names it depends on, the first alternative of each. */
  readonly depends: readonly string[]
}

export function parseRecords(text: string): readonly DebRecord[] {
  return text.split(/\n\n+/).flatMap((paragraph) => {
    const name = fieldOf(paragraph, 'Package')
    const version = fieldOf(paragraph, 'Version')
    const sha256 = fieldOf(paragraph, 'SHA256')
    if (name === null || version === null || sha256 === null) return []
    const depends = [fieldOf(paragraph, 'Pre-Depends'), fieldOf(paragraph, 'Depends')].flatMap(
      (list) => (list === null ? [] : namesIn(list)),
    )
    return [{ name, version, sha256, depends }]
  })
}

/**
 * The packages named, and every library they need, down to the C library: a program under its own loader shares nothing
 * with this system. What is no library (users, init scripts, the PostgreSQL that we bring ourselves) is left out.
 */
export async function withLibraries(
  roots: readonly string[],
  ask: (names: readonly string[]) => Promise<readonly DebRecord[]>,
): Promise<readonly DebRecord[]> {
  const found = new Map<string, DebRecord>()
  const asked = new Set<string>()
  let wanted: readonly string[] = roots
  while (wanted.length > 0) {
    for (const name of wanted) asked.add(name)
    for (const record of await ask(wanted)) found.set(record.name, record)
    const needed = [...found.values()].flatMap(({ depends }) => depends).filter(isLibrary)
    wanted = [...new Set(needed)].filter((name) => !asked.has(name))
  }
  return [...found.values()]
}

function isLibrary(name: string): boolean {
  return /^(lib|zlib)/.test(name)
}

function fieldOf(paragraph: string, name: string): string | null {
  const found = new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)
  return found?.[1] ?? null
}

/** `libc6 (>= 2.38), default-mta | mail-transport-agent` → libc6, default-mta. */
function namesIn(list: string): readonly string[] {
  return list.split(',').flatMap((entry) => {
    const name = /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(entry)?.[1]
    return name === undefined ? [] : [name]
  })
}
