/** Servers of a user's own that are only looked at: figures and the rows of a statement come out, nothing goes in. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineKind, RunningEngine } from '../../src/engines/engine.ts'
import { observeEngine, openStatement } from '../../src/engines/observe.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { silentLog } from '../../src/kit/log.ts'

const { signal } = new AbortController()
const dir = mkdtempSync(join(tmpdir(), 'headroom-observed-'))
afterAll(() => {
  rmSync(dir, { recursive: true, force: true })
})

const KINDS = {
  postgres: {
    create: 'CREATE TABLE usage (k text, org uuid, v float8)',
    many: `INSERT INTO usage SELECT 'k-' || n, '00000000-0000-0000-0000-000000000001', n / 64.0 FROM generate_series(0, 19999) n`,
    writes: 'DELETE FROM usage RETURNING k AS transaction_id',
    failing: 'k::float8',
    fill: `INSERT INTO later VALUES ('k', '00000000-0000-0000-0000-000000000001', 1)`,
  },
  clickhouse: {
    create: 'CREATE TABLE usage (k String, org UUID, v Float64) ENGINE = MergeTree ORDER BY k',
    many: `INSERT INTO usage SELECT 'k-' || toString(number), toUUID('00000000-0000-0000-0000-000000000001'), number / 64 FROM numbers(20000)`,
    writes: 'INSERT INTO usage VALUES',
    failing: 'toFloat64(k)',
    fill: `INSERT INTO later VALUES ('k', '00000000-0000-0000-0000-000000000001', 1)`,
  },
} as const
const ALL = 'SELECT k AS transaction_id, org AS organization_id, v AS value FROM usage'

describe.each(['postgres', 'clickhouse'] as const satisfies readonly EngineKind[])('%s', (kind) => {
  const { create, many, writes, failing, fill } = KINDS[kind]
  let engine: RunningEngine<typeof kind>
  beforeAll(async () => {
    const dataDir = join(dir, kind)
    mkdirSync(dataDir)
    engine = await startEngine(
      kind,
      { provider: 'embedded', settings: {} },
      { dataDir, logDir: dir, name: kind, runId: 'observed', signal, log: silentLog },
    )
    await engine.control.execute(create, signal)
    await engine.control.execute(many, signal)
    await engine.control.execute(create.replace('usage', 'later'), signal)
  })
  afterAll(async () => {
    await engine[Symbol.asyncDispose]()
  })

  const statementOf = async (statement: string) =>
    await openStatement(kind, engine.addressFor('harness'), { name: 'mine', statement, signal })

  async function rowsOf(statement: string) {
    await using store = await statementOf(statement)
    const rows: { id: string; source: string; value: number }[] = []
    for await (const { ids, sources, values } of store.rows(signal)) {
      ids.forEach((id, at) => rows.push({ id, source: sources[at] ?? '', value: values[at] ?? 0 }))
    }
    return { rows, yields: store.yields }
  }

  it('streams every row of a statement, with the columns it yields', async () => {
    const { rows, yields } = await rowsOf(`${ALL} -- everything`)
    expect(yields).toEqual({ organization: true, value: true })
    expect(rows).toHaveLength(20_000)
    expect(rows.find(({ id }) => id === 'k-77')).toEqual({
      id: 'k-77',
      source: '00000000-0000-0000-0000-000000000001',
      value: 77 / 64,
    })
    expect((await rowsOf(`${ALL} WHERE v < 1`)).rows).toHaveLength(64)
  })

  it('does without what a statement does not yield', async () => {
    const { rows, yields } = await rowsOf('SELECT k AS transaction_id FROM usage WHERE v = 0')
    expect(yields).toEqual({ organization: false, value: false })
    expect(rows).toEqual([{ id: 'k-0', source: '', value: Number.NaN }])
  })

  it.each([
    ['that is wrong', 'SELECT FROM WHERE', /audit.statement is refused/],
    ['that names no event', 'SELECT v AS value FROM usage', /no column transaction_id/],
    ['that writes', writes, /audit.statement is refused/],
    ['that are two', `${ALL}; DROP TABLE usage`, /audit.statement is refused/],
  ])('refuses a statement %s, and nothing is changed', async (_, statement, words) => {
    await expect(statementOf(statement)).rejects.toThrow(words)
    expect((await rowsOf(ALL)).rows).toHaveLength(20_000)
  })

  it('refuses a statement whose first row already fails', async () => {
    const statement = `SELECT ${failing} AS transaction_id FROM usage`
    await expect(statementOf(statement)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/audit.statement fails on its rows/) as string,
    })
  })

  it('says that it is the statement, where it fails on rows that came later', async () => {
    await using store = await statementOf(`SELECT ${failing} AS transaction_id FROM later`)
    await engine.control.execute(fill, signal)
    const reading = (async () => {
      for await (const rows of store.rows(signal)) expect(rows).toBeDefined()
    })()
    await expect(reading).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/audit.statement fails on its rows/) as string,
    })
  })

  it('says which of the tables to watch are not there', async () => {
    const tables = ['usage', 'nosuch', 'nowhere.usage']
    const options = { name: 'theirs', tables, checkpoint: false, signal }
    await using seen = await observeEngine(kind, engine.addressFor('harness'), options)
    expect(await seen.missingTables(signal)).toEqual(['nosuch', 'nowhere.usage'])
  })

  it('is looked at without changing it', async () => {
    await using seen = await observeEngine(kind, engine.addressFor('harness'), {
      name: 'theirs',
      tables: ['usage'],
      checkpoint: false,
      signal,
    })
    expect(seen).toMatchObject({ kind, provider: 'external', name: 'theirs', parts: [] })
    const [table] = seen.tables
    const size = await table?.size(signal)
    expect(size?.rows).toBe(20_000)
    expect(size?.totalBytes).toBeGreaterThan(0)
    const samples = await Promise.all(seen.probes.map((probe) => probe.sample(signal)))
    expect(samples.flat().map(({ label }) => label)).toContain('theirs.usage')
    await expect(seen.control.execute('CREATE TABLE mine (a int)', signal)).rejects.toThrow(
      /only looked at/,
    )
  })
})

describe('postgres', () => {
  it('runs a CHECKPOINT only where that was allowed', async () => {
    const dataDir = join(dir, 'checkpoints')
    mkdirSync(dataDir)
    await using engine = await startEngine(
      'postgres',
      { provider: 'embedded', settings: {} },
      { dataDir, logDir: dir, name: 'checkpoints', runId: 'observed', signal, log: silentLog },
    )
    const requested = async (checkpoint: boolean): Promise<number> => {
      const options = { name: 'theirs', tables: [], checkpoint, signal }
      await using seen = await observeEngine('postgres', engine.addressFor('harness'), options)
      const checkpointed = seen.control.checkpoint(signal)
      if (checkpoint) await checkpointed
      else await expect(checkpointed).rejects.toThrow(/allows no CHECKPOINT/)
      const samples = await Promise.all(seen.probes.map((probe) => probe.sample(signal)))
      return samples.flat().find(({ metric }) => metric === 'checkpoint.requested')?.value ?? 0
    }
    const before = await requested(false)
    expect(await requested(false)).toBe(before)
    expect(await requested(true)).toBeGreaterThan(before)
  })
})
