import { describe, expect, it } from 'vitest'
import { findMetric } from '../../src/collect/metrics.ts'
import { ruleInWords } from '../../src/judge/judgement.ts'
import { Trigger } from '../../src/judge/trigger.ts'
import { sampleProfile, shippedTriggers } from '../fixtures/triggers.ts'

function levelsOf(judged: Trigger['judged']): number | readonly number[] {
  switch (judged.kind) {
    case 'band':
      return judged.bands.map((band) => band.toPerS)
    case 'partitions':
      return [judged.rowsMin, judged.heldMax.warning, judged.heldMax.critical]
    case 'symptom':
    case 'demand': {
      const { warning, critical } = judged.thresholds
      return warning === undefined ? critical : [warning, critical]
    }
  }
}

describe('the shipped triggers', () => {
  const triggers = shippedTriggers()

  /** Of these no move was found that somebody published. */
  const WITHOUT_ANCHOR = new Set(['E17a', 'E17c', 'E18'])

  it('are those the mission map names, each with a quote, an action and the anchors that answer it', () => {
    expect(triggers.map((trigger) => trigger.id).join(' ')).toBe(
      'E1 E10 E11 E12 E13 E14 E17a E17b E17c E18 E2 E3 E4 E5 E6 E9',
    )
    for (const trigger of triggers) {
      expect(trigger.source.quote.length).toBeGreaterThan(20)
      expect(trigger.anchors.length > 0).toBe(!WITHOUT_ANCHOR.has(trigger.id))
      expect(trigger.notes.length).toBeGreaterThan(0)
    }
  })

  it('name only metrics that exist and only placeholders that are filled in', () => {
    for (const { judged, measure } of triggers) {
      if (judged.kind === 'symptom') {
        for (const key of judged.metrics) expect(findMetric(key)).toBeDefined()
      }
      const names = [...measure.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      for (const name of names) expect(['scenario', 'target', 'ratePerS', 'rows']).toContain(name)
      expect(measure).toMatch(/^headroom run \{scenario\} --target \{target\}/)
    }
  })

  it('print every word the documents leave open with the value it was given', () => {
    const rules = new Map(triggers.map((trigger) => [trigger.id, ruleInWords(trigger)]))
    expect(rules.get('E1')).toContain('window at least 2 s')
    expect(rules.get('E1')).toContain('sustained means 60 s')
    expect(rules.get('E1')).toContain('once fired it clears 10 % below')
    expect(rules.get('E2')).toContain('41 times')
    expect(rules.get('E3')).toContain('rows held at the declared rate and retention')
    expect(rules.get('E5')).not.toContain('sustained means')
  })

  it('keep the documented levels', () => {
    const levels = triggers.map(({ id, judged }) => [id, levelsOf(judged)])
    expect(Object.fromEntries(levels)).toEqual({
      E1: 50_000,
      E2: 8_000,
      E3: 5,
      E4: 500e6,
      E5: 0,
      E6: [5_000, 20_000, 100_000],
      E9: [1, 60],
      E10: [10_000, 1_000, 3_000],
      E11: [30, 300],
      E12: [100e6 / 60, 500e6 / 60].map((level) => Number(level.toFixed(2))),
      E13: [100e3, 1e6],
      E14: [100, 1_000],
      E17a: 50e3,
      E17b: 3e6,
      E17c: 300e6,
      E18: 0,
    })
  })

  it('refuse a warning above the critical level and unknown keys', () => {
    const [first] = triggers
    const judged = { ...first!.judged, thresholds: { warning: 2, critical: 1 } }
    expect(Trigger.safeParse({ ...first, judged }).success).toBe(false)
    expect(Trigger.safeParse({ ...first, windows: 3 }).success).toBe(false)
  })
})

describe('the sample profile', () => {
  it('is a plausible user that parses', () => {
    expect(sampleProfile()).toMatchObject({
      ratePerS: 400,
      growthPerMonthRatio: { low: 0.05, mid: 0.08, high: 0.12 },
      retentionDays: 400,
      needs: { replayDays: 0, durability: 'power-loss' },
    })
  })
})
