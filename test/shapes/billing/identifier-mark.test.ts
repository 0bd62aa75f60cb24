/** A store of the user's own keeps what earlier runs of the same seed sent: identifiers must not meet, and be told apart. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventPopulation } from '../../../src/scenario/scenario.ts'
import { generateStream } from '../../../src/shapes/billing/generated.ts'
import type { EventStream } from '../../../src/shapes/stream.ts'

type Identifiers = EventPopulation['identifiers']
const KINDS: readonly Identifiers[] = ['uuidv4', 'uuidv7', 'sequential']

function streamOf(identifiers: Identifiers, identifierMark?: string, seed = 9): EventStream {
  const events = EventPopulation.parse({ identifiers, duplicateRatio: 0.1, organizations: 3 })
  const spec = { source: 'generated', shape: 'billing', seed, events } as const
  const marked = identifierMark === undefined ? spec : { ...spec, identifierMark }
  return generateStream(marked, (index) => Date.UTC(2026, 0, 1) + index)
}

const textOf = (stream: EventStream, index: number): string => {
  const buffer = Buffer.alloc(stream.maxEventBytes)
  return buffer.toString('utf8', 0, stream.writeJson(index, buffer, 0))
}
/** A longer identifier takes its room from the filler. */
const fieldsOf = (stream: EventStream, index: number): unknown => {
  const event = JSON.parse(textOf(stream, index)) as {
    readonly properties: Readonly<Record<string, string>>
  }
  return { ...event, transaction_id: '', properties: { ...event.properties, note: '' } }
}
const mark = fc.stringMatching(/^[a-z0-9]{10}$/)
const index = fc.nat(100_000)

describe.each(KINDS)('a mark in %s identifiers', (kind) => {
  it('finds its own events back, by the pair and by the id alone', () => {
    fc.assert(
      fc.property(mark, index, (text, at) => {
        const stream = streamOf(kind, text)
        const canonical = stream.canonicalOf(at)
        const id = stream.idOf(at)
        expect(stream.indexOf(stream.sourceOf(at), id)).toBe(canonical)
        expect(stream.indexOf(null, id)).toBe(canonical)
      }),
    )
  })

  it('knows no event of the same seed under another mark, or under none', () => {
    fc.assert(
      fc.property(mark, mark, index, (mine, theirs, at) => {
        fc.pre(mine !== theirs)
        for (const other of [streamOf(kind, theirs), streamOf(kind)]) {
          expect(streamOf(kind, mine).indexOf(null, other.idOf(at))).toBeNull()
        }
      }),
    )
  })

  it('changes nothing of an event but its identifier', () => {
    const plain = streamOf(kind)
    const marked = streamOf(kind, 'k3v9m2x7qa')
    for (let at = 0; at < 200; at++) {
      expect(marked.canonicalOf(at)).toBe(plain.canonicalOf(at))
      expect(fieldsOf(marked, at)).toEqual(fieldsOf(plain, at))
    }
  })

  it('gives every event an identifier of its own', () => {
    const stream = streamOf(kind, 'aaaaaaaaaa')
    const ids = new Set<string>()
    let originals = 0
    for (let at = 0; at < 20_000; at++) {
      if (stream.canonicalOf(at) !== at) continue
      originals++
      ids.add(stream.idOf(at))
    }
    expect(ids.size).toBe(originals)
  })
})
