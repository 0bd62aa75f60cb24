/** What the statements of a run cost. In: running totals before and after, per engine. Out: the most expensive by time. */
import type { StatementCount } from '../engines/statement-count.ts'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import type { Measured } from '../results/record.ts'
import type { RunningTarget } from '../target/up.ts'

/** As many as a reader looks at; the rest are summed up in the share. */
const SHOWN_MAX = 12
/** Less than this of the time says nothing. */
const SHOWN_MIN_RATIO = 0.001

export type StatementTotals = ReadonlyMap<string, readonly StatementCount[]>

/** By engine name; engines that do not count statements are absent. */
export async function readStatementTotals(
  { engines }: RunningTarget,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Log },
): Promise<StatementTotals> {
  const totals = new Map<string, readonly StatementCount[]>()
  for (const { engine } of engines) {
    if (engine.statements === undefined) continue
    try {
      totals.set(engine.name, await engine.statements(signal))
    } catch (error) {
      // They round a run off; what was measured stands without them.
      log(`${engine.name}: its statements are not known: ${messageOf(error)}`)
    }
  }
  return totals
}

export function topStatements(
  before: StatementTotals,
  after: StatementTotals,
): NonNullable<Measured['statements']> {
  return [...after].flatMap(([engine, counts]) => {
    const known = new Map((before.get(engine) ?? []).map((one) => [one.id, one]))
    const grown = counts
      .map((one) => grownSince(known.get(one.id), one))
      .filter(({ calls }) => calls > 0)
      .sort((a, b) => b.totalMs - a.totalMs)
    const allMs = grown.reduce((sum, { totalMs }) => sum + totalMs, 0)
    const notable = grown.filter(({ totalMs }) => totalMs >= allMs * SHOWN_MIN_RATIO)
    return notable.slice(0, SHOWN_MAX).map(({ text, calls, totalMs, rows, blocks, walBytes }) => ({
      engine,
      text,
      calls,
      totalMs,
      rows,
      blocks,
      walBytes,
      timeRatio: allMs > 0 ? totalMs / allMs : 0,
    }))
  })
}

/** A statement evicted and seen again, or a server that crashed, begins its count again. */
function grownSince(before: StatementCount | undefined, now: StatementCount): StatementCount {
  if (before === undefined || now.calls < before.calls) return now
  return {
    ...now,
    calls: now.calls - before.calls,
    totalMs: Math.max(0, now.totalMs - before.totalMs),
    rows: Math.max(0, now.rows - before.rows),
    blocks: Math.max(0, now.blocks - before.blocks),
    walBytes: Math.max(0, now.walBytes - before.walBytes),
  }
}
