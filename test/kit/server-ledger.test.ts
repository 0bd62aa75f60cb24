import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { isAlive } from '../../src/kit/process-table.ts'
import { noteOnServer, readServerLedger, serverLedgerDir } from '../../src/kit/server-ledger.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-ledger-'))
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})

const made = {
  runId: 'r',
  kind: 'postgres',
  where: 'me@db:5432/x',
  what: 'database',
  name: 'headroom_a',
  inside: null,
  mark: 'headroom r',
}

describe('the ledger of what is made on servers', () => {
  it('holds an entry from before it is made until it is struck out, readable by its owner alone', () => {
    const dir = serverLedgerDir(join(base, 'one'))
    const strikeOut = noteOnServer(dir, made)
    const { entries } = readServerLedger(dir)
    expect(entries).toHaveLength(1)
    expect(entries[0]?.entry).toMatchObject({ schema: 1, ...made })
    expect(entries.map(({ entry }) => isAlive(entry.owner))).toEqual([true])
    expect(statSync(entries[0]?.file ?? '').mode & 0o077).toBe(0)
    strikeOut()
    strikeOut()
    expect(readServerLedger(dir).entries).toEqual([])
    expect(readdirSync(dir)).toEqual([])
  })

  it('is empty where there is none, and names files that are no entry without touching them', () => {
    expect(readServerLedger(join(base, 'nowhere'))).toEqual({ entries: [], unreadable: [] })
    const dir = join(base, 'two')
    noteOnServer(dir, made)
    const [whole = ''] = readdirSync(dir)
    const half = readFileSync(join(dir, whole), 'utf8').slice(0, 40)
    for (const [name, text] of [
      ['half.json', half],
      ['other.json', '{"schema":2}'],
    ] as const) {
      writeFileSync(join(dir, name), text)
    }
    const { entries, unreadable } = readServerLedger(dir)
    expect(entries).toHaveLength(1)
    expect([...unreadable].sort()).toEqual([join(dir, 'half.json'), join(dir, 'other.json')])
  })
})
