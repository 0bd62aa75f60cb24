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
/** From so many reads on, so large a part in vain raises a doubt of the path that was asked. */
const DOUBT_FROM = 20
const DOUBT_RATIO = 0.99

type Counts = Parameters<typeof judgePromise>[0] & Pick<StoreAudit, 'acceptedEvents'>

export interface Looked extends Omit<PromiseContext, 'disagreement'> {
  /** Acknowledged events whose answer counts. */
  readonly askedEvents: number
  readonly unansweredReads: number
  /** Missing at first, and not asked for again once their time to settle was over. */
  readonly unsettledEvents: number
  readonly controls: Controls
  readonly lastError: string
  /** The answer to a read that the target calls missing. */
  readonly lastMissing: string
  /** Where the value was looked for in vain, when no answer at all holds one. */
  readonly noValue: string | null
}

export type ReadsVerdict =
  | Pick<StoreAudit, 'verdict' | 'because'>
  | { readonly verdict: 'unproven'; readonly because: string; readonly code?: 'BAD_INPUT' }

export function judgeReads(counts: Counts, looked: Looked): ReadsVerdict {
  const { askedEvents, controls, unansweredReads } = looked
  if (controls.found > 0) {
    const words = `it also gives back events nobody sent (${said(controls.found)} of ${said(controls.asked)} asked for)`
    return { verdict: 'broken', because: `The service’s reads prove nothing: ${words}.` }
  }
  const judged = withDoubts(judgePromise(counts, { ...looked, disagreement: null }), counts, looked)
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
  const unproven = whatIsUnproven(looked, { askedAll, of })
  if (unproven !== null) return unproven
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

/** What keeps a look that saw nothing wrong from being a finding. */
function whatIsUnproven(
  { noValue, unsettledEvents, askedEvents }: Looked,
  { askedAll, of }: { readonly askedAll: boolean; readonly of: string },
): Extract<ReadsVerdict, { verdict: 'unproven' }> | null {
  if (noValue !== null) {
    const words = `values could not be compared: ${noValue} to any read; set audit.value to where it stands, or to none`
    return { verdict: 'unproven', because: words, code: 'BAD_INPUT' }
  }
  if (unsettledEvents > 0) {
    const words = `${said(unsettledEvents)} acknowledged events were missing at first, and no time was left to ask for them again (audit.withinS)`
    return { verdict: 'unproven', because: words }
  }
  if (!askedAll && askedEvents < DRAWS_MIN) {
    const words = `${of} in the time and number given (audit.withinS, audit.events): it takes ${said(DRAWS_MIN)}, or all, to say that at most 1 % are missing`
    return { verdict: 'unproven', because: words }
  }
  return null
}

/** Nearly every read in vain, or values nowhere, is more often a slip in the target than the work of the service. */
function withDoubts(
  judged: ReturnType<typeof judgePromise>,
  { lostEvents }: Counts,
  { askedEvents, lastMissing, noValue }: Looked,
): ReturnType<typeof judgePromise> {
  const nearlyAll = askedEvents >= DOUBT_FROM && lostEvents >= DOUBT_RATIO * askedEvents
  const inVain = lostEvents > 0 && (nearlyAll || lostEvents === askedEvents)
  const reads =
    lostEvents === askedEvents ? 'every read' : `${said(lostEvents)} of ${said(askedEvents)} reads`
  const doubts = [
    ...(inVain
      ? [
          `Before this is believed of the service: ${reads} answered ${lastMissing}: is audit.path right?`,
        ]
      : []),
    ...(noValue === null ? [] : [`Values were not compared: ${noValue} (audit.value).`]),
  ]
  return { ...judged, because: [judged.because, ...doubts].join(' ') }
}

function said(count: number): string {
  return count.toLocaleString('en')
}
