/** The window of identities on a real Redis, without a service around it: what becomes of a claim once it is made. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DedupWindow } from '../../reference-impl/service-kit/dedup/window.ts'
import { WindowedWriter } from '../../reference-impl/service-kit/dedup/windowed-writer.ts'
import { Deadline } from '../../reference-impl/service-kit/deadline.ts'
import type { IngestEvent } from '../../reference-impl/service-kit/event.ts'
import { BILLING_DOOR } from '../../reference-impl/service-kit/event.ts'
import type { Written } from '../../reference-impl/service-kit/written.ts'
import type { RunningEngine } from '../../src/engines/engine.ts'
import { findProgram } from '../../src/engines/packages/program.ts'
import { withRedis } from '../../src/engines/redis/connection.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { serverLedgerDir } from '../../src/kit/server-ledger.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-window-'))
const never = new AbortController().signal
const isMissing = findProgram('redis') === null && !process.env['HEADROOM_REQUIRE_ALL']
/** None runs out while a test looks. */
const CLAIM_MS = 600_000

describe.skipIf(isMissing)('a window of identities in Redis', () => {
  let engine: RunningEngine<'redis'>
  beforeAll(async () => {
    engine = await startEngine(
      'redis',
      { provider: 'embedded', settings: {} },
      {
        ...{ dataDir: join(base, 'data'), logDir: join(base, 'logs'), name: 'dedup' },
        ...{ runId: 'test/01', signal: never, ledgerDir: serverLedgerDir(base), log: () => {} },
      },
    )
  })
  afterAll(async () => {
    await engine[Symbol.asyncDispose]()
    rmSync(base, { recursive: true, force: true })
  })

  const open = (timeoutMs: number): Promise<DedupWindow> =>
    DedupWindow.open(engine.addressFor('service'), {
      ...{ windowMs: CLAIM_MS, claimMs: CLAIM_MS, timeoutMs },
      log: () => {},
    })

  it('says what became of claims that stand while new ones are not made, and counts what Redis did not confirm', async () => {
    await using window = await open(2_000)
    const kept = await window.claim(['kept/1', 'kept/2'])
    const given = await window.claim(['given/1'])
    expect([kept.states, given.states]).toEqual([['mine', 'mine'], ['mine']])
    await withRedis(engine.addressFor('harness'), never, async (redis) => {
      // Writes stand still, as behind one slow command.
      await redis.call('CLIENT', 'PAUSE', '600000', 'WRITE')
      try {
        expect((await window.claim(['late/1'])).states).toEqual(['unguarded'])
        expect(window.meter.isUp).toBe(false)
        await Promise.all([kept.keep(), given.giveBack()])
        expect(window.meter).toMatchObject({ bypassed: 1, unkept: 2, errors: 3 })
      } finally {
        await redis.call('CLIENT', 'UNPAUSE')
      }
      const held = (): Promise<unknown> =>
        redis.mget('dedup:kept/1', 'dedup:kept/2', 'dedup:given/1')
      await expect.poll(held).toEqual(['stored', 'stored', null])
    })
  })

  const outcomes: readonly (readonly [Written, boolean])[] = [
    [{ state: 'unknown', because: 'it did not answer in time' }, true],
    [{ state: 'refused', because: 'it is full', backoff: true }, false],
    [{ state: 'bad-data', because: 'it is odd' }, false],
  ]
  it.each(outcomes)(
    'of a write that ended as %j: is its claim left to run out? %s',
    async (written, isLeft) => {
      const event: IngestEvent = {
        ...{
          organizationId: randomUUID(),
          transactionId: randomUUID(),
          externalCustomerId: 'customer',
        },
        ...{ code: 'api_calls', timestamp: '2026-02-25T12:00:00Z', properties: '{}', value: null },
      }
      await using window = await open(10_000)
      await using writer = new WindowedWriter(
        { write: () => Promise.resolve(written), [Symbol.asyncDispose]: () => Promise.resolve() },
        window,
      )
      expect(await writer.write([event], new Deadline(performance.now() + 60_000))).toEqual(written)
      const { states } = await window.claim([BILLING_DOOR.identityOf(event)])
      expect(states).toEqual([isLeft ? 'under-way' : 'mine'])
    },
  )
})
