import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  EVERYWHERE_ONCE,
  everywhere,
  relisted,
} from '../../../src/engines/postgres/arrival-ranges.ts'
import type { KeyRange } from '../../../src/engines/postgres/arrival-ranges.ts'
import { advance } from '../../../src/engines/postgres/arrivals.ts'
import type { ArrivalsCursor, Look } from '../../../src/engines/postgres/arrivals.ts'

const nothingSeen: ArrivalsCursor = { lastId: 0, holes: [], rounds: EVERYWHERE_ONCE }

const GROUP_DAYS = 8
const DAYS = Array.from({ length: 48 }, (_, n) => `2026-${String(101 + n)}`)
const dayOf = (id: number): string => DAYS[(id * 7) % DAYS.length]!
const holds = ({ from, to }: KeyRange, at: string): boolean =>
  (from === null || at >= from) && (to === null || at < to)

/** As much of PostgreSQL as decides which rows a snapshot shows: xids, snapshots, statements, one sequence. */
class Model {
  nextXid = 3n
  latestCompleted = 2n
  nextId = 1
  readonly committed = new Set<number>()
  readonly seen = new Set<number>()
  readonly writers: Writer[] = []
  cursor = nothingSeen
  /** Groups of partitions that are looked at in turn; 0: every look goes everywhere. */
  groups = 0
  layout = 0
  sessions: Pick<Look, 'sessionXmins' | 'sessionXids'> = { sessionXmins: [], sessionXids: [] }

  get running(): readonly bigint[] {
    return this.writers.flatMap((writer) => (writer.xid === null ? [] : [writer.xid]))
  }

  /** PostgreSQL's xmax is one above the last COMPLETED xid, and xmin the lowest running one below it. */
  snapshot(): { readonly xmin: bigint; readonly xmax: bigint } {
    const xmax = this.latestCompleted + 1n
    return { xmin: this.running.reduce((low, xid) => (xid < low ? xid : low), xmax), xmax }
  }

  readSessions(): void {
    this.sessions = {
      sessionXmins: this.writers.flatMap((writer) =>
        writer.statementXmin === null ? [] : [Number(BigInt.asUintN(32, writer.statementXmin))],
      ),
      sessionXids: this.running.map((xid) => Number(BigInt.asUintN(32, xid))),
    }
  }

  /** Bounds are looked up again at the beginning of a round, and may lie elsewhere then. */
  relist(): void {
    this.layout += 1
    const dropped = this.layout % 5
    const froms = DAYS.slice(dropped, this.groups * GROUP_DAYS + 3)
    const past = Math.max(0, froms.length - 2)
    const bounds = { key: this.groups === 0 ? null : 'at', froms, past }
    this.cursor = { ...this.cursor, rounds: relisted(this.cursor.rounds, bounds) }
  }

  look(reach: 'in-turn' | 'everywhere' = 'in-turn'): void {
    const { lastId, holes } = this.cursor
    if (this.cursor.rounds.turn === 0) this.relist()
    const rounds = this.cursor.rounds
    if (reach === 'everywhere') this.cursor = { ...this.cursor, rounds: everywhere(rounds) }
    const { turn, lately, inTurn } = this.cursor.rounds
    const placeOf = (id: number) => inTurn.findIndex((range) => holds(range, dayOf(id)))
    const asked = holes.filter((hole) => turn === 0 || hole.until !== 'round-ended')
    const within = (id: number, some: typeof holes) =>
      some.some((hole) => hole.from <= id && id <= hole.to)
    const wanted = (id: number) => {
      const place = placeOf(id)
      if (place === turn) return id > lastId || within(id, holes)
      if (place >= 0 && !lately.includes(place)) return false
      return id > lastId || within(id, asked)
    }
    const ids = [...this.committed].filter(wanted).sort((a, b) => a - b)
    for (const id of ids) this.seen.add(id)
    const found = [...new Set(ids.map(placeOf))].filter((place) => place >= 0)
    const after = advance(this.cursor, { ...this.sessions, ...this.snapshot(), ids, found })
    this.cursor = reach === 'everywhere' ? { ...after, rounds } : after
  }
}

class Writer {
  xid: bigint | null = null
  statementXmin: bigint | null = null
  ids: number[] = []
  readonly #model: Model

  constructor(model: Model) {
    this.#model = model
    model.writers.push(this)
  }

  step(choice: number): void {
    const model = this.#model
    if (this.statementXmin === null) {
      if (choice % 3 === 0 && this.ids.length > 0) this.end(choice % 2 === 0)
      else this.statementXmin = model.snapshot().xmin
      return
    }
    // An id is taken before the row is written, and only writing the row needs an xid.
    if (choice % 3 === 0) this.ids.push(model.nextId++)
    else if (choice % 3 === 1 && this.ids.length > 0) this.xid ??= model.nextXid++
    else if (this.ids.length === 0 || this.xid !== null) this.statementXmin = null
  }

  end(commit: boolean): void {
    const model = this.#model
    const written = this.xid !== null
    if (this.xid !== null && this.xid > model.latestCompleted) model.latestCompleted = this.xid
    if (commit && written) for (const id of this.ids) model.committed.add(id)
    this.xid = null
    this.statementXmin = null
    this.ids = []
  }

  finish(): void {
    if (this.ids.length > 0) this.xid ??= this.#model.nextXid++
    this.end(true)
  }
}

const steps = fc.array(fc.record({ who: fc.nat(8), choice: fc.nat(11) }), {
  minLength: 100,
  maxLength: 300,
  size: 'max',
})

const firstXids = fc.constantFrom(3n, 2n ** 32n - 40n, 2n ** 33n + 5n)

it.each([0, 1, 5])(
  'sees every row that is ever committed, in whatever order and wherever, with %i groups of partitions in turn',
  (groups) => {
    fc.assert(
      fc.property(steps, firstXids, (script, firstXid) => {
        const model = new Model()
        model.groups = groups
        model.nextXid = firstXid
        model.latestCompleted = firstXid - 1n
        const writers = Array.from({ length: 6 }, () => new Writer(model))
        for (const { who, choice } of script) {
          if (who === 6) model.readSessions()
          else if (who >= 7) model.look(who === 7 ? 'in-turn' : 'everywhere')
          else writers[who]?.step(choice)
          // Sessions are read right before a look in the real thing; here anything may happen in between, but a look
          // never uses sessions older than the look before.
          if (who >= 7) model.readSessions()
        }
        for (const writer of writers) writer.finish()
        // What is left of a round, a whole one, and the looks until a hole waits for none but that.
        for (let time = 0; time < 4 + 3 * groups; time++) {
          model.readSessions()
          model.look()
        }
        expect([...model.committed].filter((id) => !model.seen.has(id))).toEqual([])
        expect(model.cursor.holes).toEqual([])
      }),
      { numRuns: 1_000 },
    )
  },
)

it('keeps a hole open while the statement that took the id still runs, though no xid is known of it', () => {
  const noticed = advance(nothingSeen, look({ ids: [2], xmin: 10n, xmax: 10n }))
  expect(noticed.holes).toEqual([{ from: 1, to: 1, until: 'statement-ended', xid: 10n }])
  const waiting = advance(noticed, look({ sessionXmins: [10], xmin: 12n, xmax: 12n }))
  expect(waiting.holes).toEqual(noticed.holes)
})

it('then waits for transactions that hold an xid above the snapshot’s xmax', () => {
  const noticed = advance(nothingSeen, look({ ids: [2], xmin: 10n, xmax: 10n }))
  const settled = advance(noticed, look({ sessionXids: [15], xmin: 11n, xmax: 11n }))
  expect(settled.holes).toEqual([{ from: 1, to: 1, until: 'transaction-ended', xid: 16n }])
  expect(advance(settled, look({ xmin: 15n, xmax: 15n })).holes).toEqual(settled.holes)
  expect(advance(settled, look({ xmin: 16n, xmax: 16n })).holes).toEqual([])
})

it('bounds the number of holes by reading some ids again, never by forgetting one', () => {
  const ids = Array.from({ length: 20_000 }, (_, index) => (index + 1) * 2)
  const cursor = advance(nothingSeen, look({ ids, xmin: 5n, xmax: 5n }))
  expect(cursor.holes.length).toBeLessThanOrEqual(4_096)
  for (const id of [1, 3, 19_999, 39_999]) {
    expect(cursor.holes.some((hole) => hole.from <= id && id <= hole.to)).toBe(true)
  }
})

function look(part: Partial<Look>): Look {
  return { sessionXmins: [], sessionXids: [], xmin: 3n, xmax: 3n, ids: [], found: [], ...part }
}
