/**
 * What an audit through reads may say. In: counts, and how much was asked. Out: a verdict and its sentence; `unproven` where
 * nothing wrong was seen, and too little was looked at to call that a finding. Pure.
 */
import type { StoreAudit } from '../results/audit-record.ts'
import type { Controls } from './asking.ts'
import { judgePromise } from './promise.ts'
import type { PromiseContext } from './promise.ts'

/** Nothing in n draws: with 95 % confidence at most 3/n of all are missing (the rule of three). Here 1 %. */
const DRAWS_MIN = 300

type Counts = Parameters<typeof judgePromise>[0] & Pick<StoreAudit, 'acceptedEvents'>

export interface Looked extends Omit<PromiseContext, 'disagreement'> {
  /** Acknowledged events whose answer counts. */
  readonly askedEvents: number
  readonly unansweredReads: number
  /** Missing at first, and not asked for again once their time to settle was over. */
  readonly unsettledEvents: number
  readonly controls: Controls
  readonly lastError: string
}

export type ReadsVerdict =
  | Pick<StoreAudit, 'verdict' | 'because'>
  | { readonly verdict: 'unproven'; readonly because: string }

export function judgeReads(counts: Counts, looked: Looked): ReadsVerdict {
  const { askedEvents, controls, unansweredReads, unsettledEvents } = looked
  if (controls.found > 0) {
    const words = `it also gives back events nobody sent (${said(controls.found)} of ${said(controls.asked)} asked for)`
    return { verdict: 'broken', because: `The service’s reads prove nothing: ${words}.` }
  }
  const judged = judgePromise(counts, { ...looked, disagreement: null })
  if (unansweredReads > 0) {
    const words = `${said(unansweredReads)} acknowledged events could not be read back (${looked.lastError})`
    const others = judged.verdict === 'broken' ? ` ${judged.because}` : ''
    return { verdict: 'broken', because: `${words}.${others}` }
  }
  const { acceptedEvents } = counts
  const of = `${said(askedEvents)} of ${said(acceptedEvents)} acknowledged events were asked for`
  const askedAll = askedEvents === acceptedEvents
  if (judged.verdict === 'broken') {
    return askedAll ? judged : { ...judged, because: `${of}: ${judged.because}` }
  }
  if (unsettledEvents > 0) {
    const words = `${said(unsettledEvents)} acknowledged events were missing at first, and no time was left to ask for them again (audit.withinS)`
    return { verdict: 'unproven', because: words }
  }
  if (!askedAll && askedEvents < DRAWS_MIN) {
    const words = `${of} in the time and number given (audit.withinS, audit.events): it takes ${said(DRAWS_MIN)}, or all, to say that at most 1 % are missing`
    return { verdict: 'unproven', because: words }
  }
  if (judged.verdict === 'as-promised') {
    return askedAll ? judged : { ...judged, because: `${of}: ${judged.because}` }
  }
  if (askedAll) {
    const because = 'Every acknowledged event was read back through the service.'
    return { verdict: 'whole', because }
  }
  const atMost = ((3 / askedEvents) * 100).toPrecision(2)
  return {
    verdict: 'whole',
    because: `${of}, drawn at random, and each was there: with 95 % confidence at most ${atMost} % are missing.`,
  }
}

function said(count: number): string {
  return count.toLocaleString('en')
}
