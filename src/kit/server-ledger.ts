/**
 * What Headroom makes on servers that are not its own, written down before it is made and struck out after it was
 * removed: one small file each below `.headroom/servers/`. A Headroom that was killed leaves its files; `headroom clean`
 * reads them. No secret is ever in one.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { readdirSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { identityOf } from './process-table.ts'

const Identity = z.object({ pid: z.number(), start: z.string(), command: z.string() })

const ServerEntry = z.object({
  schema: z.literal(1),
  owner: Identity,
  startedAt: z.string(),
  runId: z.string(),
  /** Engine: `postgres`, `clickhouse`. */
  kind: z.string(),
  /** Where it was made, for a person: `bench@db.example:5432/scratch`. */
  where: z.string(),
  what: z.string(),
  name: z.string(),
  inside: z.string().nullable(),
  mark: z.string(),
})
export type ServerEntry = z.infer<typeof ServerEntry>

export interface ServerLeftover {
  readonly file: string
  readonly entry: ServerEntry
}

/** `<workDir>/servers`. */
export function serverLedgerDir(workDir: string): string {
  return join(workDir, 'servers')
}

/** On disk, flushed, before this returns. @returns strikes it out again */
export function noteOnServer(
  ledgerDir: string,
  made: Omit<ServerEntry, 'schema' | 'owner' | 'startedAt'>,
): () => void {
  const owner = identityOf(process.pid)
  if (owner === null) throw new Error('cannot read the identity of this process')
  const entry: ServerEntry = {
    schema: 1,
    owner,
    startedAt: new Date().toISOString(),
    ...made,
  }
  mkdirSync(ledgerDir, { recursive: true })
  const file = join(ledgerDir, `${made.kind}-${made.name}.json`)
  const next = `${file}.new`
  const handle = openSync(next, 'w', 0o600)
  try {
    writeSync(handle, `${JSON.stringify(entry, null, 2)}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(next, file)
  return () => {
    rmSync(file, { force: true })
  }
}

/** Every entry, oldest first; files that are none are returned as paths. */
export function readServerLedger(ledgerDir: string): {
  readonly entries: readonly ServerLeftover[]
  readonly unreadable: readonly string[]
} {
  const names = existsSync(ledgerDir)
    ? readdirSync(ledgerDir).filter((name) => name.endsWith('.json'))
    : []
  const entries: ServerLeftover[] = []
  const unreadable: string[] = []
  for (const name of names) {
    const file = join(ledgerDir, name)
    const entry = readEntry(file)
    if (entry === null) unreadable.push(file)
    else entries.push({ file, entry })
  }
  entries.sort((a, b) => (a.entry.startedAt < b.entry.startedAt ? -1 : 1))
  return { entries, unreadable }
}

function readEntry(file: string): ServerEntry | null {
  try {
    const parsed = ServerEntry.safeParse(JSON.parse(readFileSync(file, 'utf8')))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
