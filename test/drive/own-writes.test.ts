import { describe, expect, it } from 'vitest'
import type { QueryResult } from '../../src/drive/job.ts'
import { OwnWrites } from '../../src/drive/own-writes.ts'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import { supersedes, type EntityWrite } from '../../src/shapes/entity-write.ts'
import { shapes } from '../../src/shapes/registry.ts'
import type { GeneratedStreamSpec } from '../../src/shapes/stream.ts'

const EPOCH_MS = Date.UTC(2026, 0, 1)
const spec: GeneratedStreamSpec = {
  source: 'generated',
  shape: 'eav',
  seed: 11,
  events: EventPopulation.parse({
    ...{ organizations: 1, customers: 2, codes: 4, outOfOrderRatio: 0.3, lateRatio: 0.1 },
  }),
  shapeSettings: { criticalRatio: 0.5 },
}
const REQUESTS = 400
const stream = shapes.eav.generate(spec, (index) => EPOCH_MS + index)
const buffer = Buffer.alloc(stream.maxEventBytes)
const writes = Array.from({ length: REQUESTS }, (_, index): EntityWrite | null => {
  const text = buffer.toString('utf8', 0, stream.writeJson(index, buffer, 0))
  return shapes.eav.entityWrite!(JSON.parse(text) as Record<string, unknown>)
})
const job = { stream: spec, batchEvents: 1, eventEpochMs: EPOCH_MS }
const asked: QueryResult = {
  ...{ name: 'entity', atMs: 0, seconds: 0, outcome: 'ok', error: null },
  ...{ rows: null, rowsRead: null, bytesRead: null },
}

function accepting(requests: number): OwnWrites {
  const own = new OwnWrites(stream, job)
  for (let request = 0; request < requests; request++) own.accepted(request)
  return own
}

const keyOf = ({ entity, attribute }: EntityWrite) => `${entity}/${attribute}`
const answer = (write: EntityWrite, value: string | number) => ({
  text: JSON.stringify({ entity: { hot_attrs: { [write.attribute]: value } } }),
  level: 'strong',
  requests: REQUESTS,
})

/** What is said of an answer that shows this value, when the run is over. */
async function verdictOn(write: EntityWrite, value: string | number, requests = REQUESTS) {
  const own = accepting(1)
  const verdict = own.judge(write, { ...answer(write, value), requests })
  if (verdict === null || typeof verdict === 'string') return verdict
  own.doubt(asked, verdict)
  const [settled] = await own.settled([asked])
  return settled!.lacksWrite === true ? 'lacking' : 'shown'
}

/** Writes of numbers of one attribute, as a reader sees them one after the other. */
function inOrder(): readonly EntityWrite[] {
  const sizes = writes.flatMap((write) => (write?.attribute === 'size' ? [write] : []))
  const of = sizes.filter((write) => keyOf(write) === keyOf(sizes[0]!))
  return of.toSorted((a, b) => (supersedes(a, b) ? 1 : -1))
}

describe('writes that were acknowledged', () => {
  it('are asked for when they are readable at once and younger than what was there before', () => {
    const own = accepting(REQUESTS)
    const wanted = Array.from({ length: 4 }, () => own.next())
    const fit = writes.flatMap((write) =>
      write !== null && write.writtenMs >= EPOCH_MS ? [write] : [],
    )
    // In turn the last and the first.
    expect(wanted).toEqual([fit.at(-1), fit[0], fit.at(-1), fit[0]])
    expect(writes.some((write) => write !== null && write.writtenMs < EPOCH_MS)).toBe(true)
    expect(new OwnWrites(stream, job).next()).toBeNull()
    expect(
      new OwnWrites(stream, { ...job, stream: { ...spec, shape: 'billing' } }).next(),
    ).toBeNull()
  })

  it('are shown by their value or a newer one, and lacking in an older one', async () => {
    const ordered = inOrder()
    expect(ordered.length).toBeGreaterThan(10)
    const middle = ordered[Math.floor(ordered.length / 2)]!
    expect(await verdictOn(middle, middle.value)).toBe('shown')
    for (const write of ordered) {
      const expected = write === middle || supersedes(write, middle) ? 'shown' : 'lacking'
      expect(await verdictOn(middle, write.value), write.id).toBe(expected)
    }
    expect(await verdictOn(middle, 'never written')).toBe('lacking')
  })

  it('cannot be shown by what was not sent yet', async () => {
    const [first] = inOrder()
    const last = inOrder().at(-1)!
    const at = writes.findIndex((write) => write?.id === last.id)
    expect(await verdictOn(first!, last.value, at)).toBe('lacking')
    expect(await verdictOn(first!, last.value, at + 1)).toBe('shown')
  })

  it('are lacking where nothing is known, and not looked for where nothing is claimed', () => {
    const [write] = inOrder()
    const own = accepting(1)
    const nothing = { text: null, level: 'strong', requests: REQUESTS }
    expect(own.judge(write!, nothing)).toBe('lacking')
    expect(own.judge(write!, { ...nothing, text: '{"entity":{"hot_attrs":{}}}' })).toBe('lacking')
    expect(own.judge(write!, { ...nothing, level: 'eventual' })).toBeNull()
  })
})
