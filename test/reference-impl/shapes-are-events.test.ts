import { describe, expect, it } from 'vitest'
import { readEvent } from '../../reference-impl/service-kit/event.ts'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import { openStream } from '../../src/shapes/open-stream.ts'

describe('every event the harness sends', () => {
  it.each(['uuidv4', 'uuidv7', 'sequential'] as const)(
    'is one the services take: %s',
    async (identifiers) => {
      for (const payloadBytes of [250, 540, 4_000]) {
        const events = EventPopulation.parse({
          identifiers,
          payloadBytes,
          lateRatio: 0.2,
          outOfOrderRatio: 0.2,
          duplicateRatio: 0.1,
        })
        const stream = await openStream(
          { source: 'generated', shape: 'billing', seed: 7, events },
          (index) => Date.parse('2026-02-25T12:00:00Z') + index * 7,
        )
        const buffer = Buffer.alloc(stream.maxEventBytes)
        for (let index = 0; index < 300; index++) {
          const text = buffer.toString('utf8', 0, stream.writeJson(index, buffer, 0))
          const read = readEvent(JSON.parse(text))
          if (!read.ok) throw new Error(`${read.reason}: ${text}`)
          expect(read.event.transactionId).toBe(stream.idOf(index))
          expect(read.event.organizationId).toBe(stream.sourceOf(index))
          expect(Number(read.event.value) * 64).toBe(stream.value64Of(index))
        }
      }
    },
  )
})
