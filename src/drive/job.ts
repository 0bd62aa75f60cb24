/**
 * What the harness and the driver process say to each other over IPC: one job in, progress and one result out.
 * The driver sees a schedule, a stream and an address, nothing else of the target.
 */
import type { SqlWriting } from '../architecture/sql-writes.ts'
import type { RateShape } from '../scenario/scenario.ts'
import type { AnswerCondition, Scalar } from '../kit/answer-condition.ts'
import type { JsonValue } from '../shapes/event-template.ts'
import type { StreamSpec } from '../shapes/stream.ts'

/** A stretch of the schedule at one target rate, or one ramp; times are seconds after the run's epoch. */
export interface Segment {
  readonly name: string
  readonly kind: 'warmup' | 'measure'
  readonly fromS: number
  readonly toS: number
  /** Events per second at both ends; equal for a constant segment. */
  readonly fromPerS: number
  readonly toPerS: number
}

export interface DriverJob {
  readonly stream: StreamSpec
  /** Recorded time base of event timestamps, epoch ms. The same for every round, so bytes are the same. */
  readonly eventEpochMs: number
  readonly segments: readonly Segment[]
  /** Present for `recorded` rate shapes: the file's own times drive the schedule. */
  readonly recordedPace: Extract<RateShape, { kind: 'recorded' }>['pace'] | null
  readonly spacing: 'even' | 'poisson'
  readonly seed: number
  readonly batchEvents: number
  readonly url: string
  readonly connections: number
  readonly inFlightRequestsMax: number
  readonly requestTimeoutMs: number
  readonly client: 'raw' | 'undici'
  /** Present: there is no service, and events go to a database this way; `url` is only its name. Holds a secret. */
  readonly writes?: SqlWriting
  readonly pacing: 'auto' | 'metro' | 'tick'
  /** After the last due event, how long outstanding requests may still be answered. */
  readonly drainS: number
  readonly queries: readonly { readonly name: string; readonly everyS: number }[]
  /** Headers every request carries (authorization of a user's own service); secret. */
  readonly headers: Readonly<Record<string, string>>
  /** PEM of the authority that signed the certificate at an https address; absent: those the system trusts. */
  readonly ca?: string
  /** Absent: requests and answers are those of the HTTP contract. */
  readonly speech?: ServiceSpeech
  /**
   * Positional outcome file: record `b` (request index) is 6 bytes: u8 outcome (OUTCOME_CODES), u8 flags (bit 0: an
   * exceptions line exists in `exceptionsFile`), u32le ack offset
   * since epoch in ACK_UNIT_US (NO_ACK: none), enough for 59 hours.
   */
  readonly outcomesFile: string
  /** NDJSON lines {"r": request index, "d": [item positions duplicate], "x": [item positions rejected]}. */
  readonly exceptionsFile: string
}

/** How a service of the user's own is spoken to. */
export interface ServiceSpeech {
  /** null: requests as the contract has them. */
  readonly request: RequestSpeech | null
  /** null: answers as the contract has them. */
  readonly answers: AnswerSpeech | null
  /** What `${…}` stands for and no event decides: `run`, `env.NAME`; secret. */
  readonly constants: Readonly<Record<string, string>>
}

export interface RequestSpeech {
  readonly method: 'POST' | 'PUT' | 'PATCH'
  /** Path and query behind the address's own path. */
  readonly path: string
  /** Added to the job's; may hold `${…}`. */
  readonly headers: Readonly<Record<string, string>>
  readonly event: JsonValue
  readonly batch: 'one' | 'array' | 'lines'
  /** JSON in which `"${events}"` stands for the array; null: the array is the body. */
  readonly around: JsonValue | null
}

export interface AnswerSpeech {
  readonly accepted: AnswerCondition
  readonly duplicate: AnswerCondition
  readonly rejected: AnswerCondition
  readonly shed: AnswerCondition
  /** How the events of a batch are told apart; null: what is said holds for all of them. */
  readonly items: {
    readonly at: string
    readonly field: string
    readonly accepted: readonly Scalar[]
    readonly duplicate: readonly Scalar[]
    readonly rejected: readonly Scalar[]
  } | null
}

export const OUTCOME_CODES = {
  notDue: 0,
  accepted: 1,
  duplicate: 2,
  rejected: 3,
  shed: 4,
  unknown: 5,
  dropped: 6,
} as const
export const OUTCOME_RECORD_BYTES = 6
export const ACK_UNIT_US = 50
/** The ack offset of a request that was never answered. */
export const NO_ACK = 0xffffffff

export interface OutcomeCounts {
  readonly accepted: number
  readonly duplicate: number
  readonly rejected: number
  readonly shed: number
  readonly unknown: number
  readonly dropped: number
}

/** HDR histogram, V2 compressed, base64. Its values are tenths of a microsecond; infinite ones are counted beside it. */
export interface EncodedHistogram {
  readonly hdr: string
  readonly count: number
  readonly infinite: number
}

/** One second of the run, sent while it lasts. */
export interface DriverWindow {
  readonly atMs: number
  readonly dueEvents: number
  readonly sentEvents: number
  readonly counts: OutcomeCounts
  readonly inFlightRequests: number
  /** Of events answered in this window, from due to ack; null without samples. Unanswered ones appear when they end. */
  readonly latencyP50Us: number | null
  readonly latencyP99Us: number | null
  readonly sendDelayP99Us: number | null
  readonly driverCpuRatio: number
  readonly eventLoopDelayP99Us: number
}

/** Why requests did not have all of their events accepted. */
export type NotAcceptedReason =
  | {
      readonly by: 'answer'
      readonly status: number
      readonly requests: number
      /** The `answers` rules of the target say nothing of this status. */
      readonly unnamed?: true
    }
  /** System error codes, TIMEOUT, CLOSED, BAD_ANSWER, NOT_SENT; GIVEN_UP at the end. */
  | { readonly by: 'loss'; readonly code: string; readonly requests: number }

export interface NotAccepted {
  /** Whatever the answer. */
  readonly answeredRequests: number
  /** The most frequent first, bounded in number. */
  readonly reasons: readonly NotAcceptedReason[]
  /** Requests not accepted for yet other reasons. */
  readonly otherRequests: number
}

export interface SegmentResult {
  readonly name: string
  readonly kind: 'warmup' | 'measure'
  readonly fromMs: number
  readonly toMs: number
  readonly dueEvents: number
  readonly counts: OutcomeCounts
  /** From due to ack over ALL events due in the segment; shed, dropped and unknown are infinite. */
  readonly latencyAll: EncodedHistogram
  /** Accepted and duplicate answers only. */
  readonly latencyAccepted: EncodedHistogram
  /** From due to first byte handed to the socket. */
  readonly sendDelay: EncodedHistogram
  /** From send to ack. */
  readonly serviceTime: EncodedHistogram
  /** Requests that had to wait for a free connection. */
  readonly waitedRequests: number
  readonly requests: number
  /** Absent: not told apart. */
  readonly notAccepted?: NotAccepted
}

export interface QueryResult {
  readonly name: string
  readonly atMs: number
  readonly seconds: number
  readonly outcome: 'ok' | 'timeout' | 'error'
  readonly rows: number | null
  readonly rowsRead: number | null
  readonly bytesRead: number | null
  /** What an answer says of its own age: `stale` in its body, X-Data-Lag-Seconds. Absent: it said nothing. */
  readonly stale?: boolean
  readonly saidLagS?: number
  /**
   * Whether it claimed to be current and showed neither a write that was acknowledged before the question, nor a newer one.
   * Absent: it was not compared, or claimed nothing.
   */
  readonly lacksWrite?: boolean
  readonly error: string | null
}

export interface DriverResult {
  readonly segments: readonly SegmentResult[]
  readonly queries: readonly QueryResult[]
  /** Requests 0…n−1 were due before the end (or the stop); outcomesFile holds exactly n records. */
  readonly requests: number
  readonly stoppedAtMs: number | null
  readonly driver: {
    readonly cpuS: number
    readonly wallS: number
    readonly maxRssBytes: number
    readonly pacing: 'metro' | 'tick'
    readonly eventLoopDelayP99Us: number
    readonly connectErrors: number
    readonly bytesSent: number
  }
}

export type ToDriver =
  | { readonly type: 'job'; readonly job: DriverJob }
  /** The schedule starts at this wall-clock moment (epoch ms). */
  | { readonly type: 'go'; readonly epochMs: number }
  /** No further event becomes due; drain and report. */
  | { readonly type: 'stop' }

export type FromDriver =
  | { readonly type: 'ready' }
  | { readonly type: 'window'; readonly window: DriverWindow }
  | { readonly type: 'query'; readonly query: QueryResult }
  | { readonly type: 'done'; readonly result: DriverResult }
  | { readonly type: 'failed'; readonly message: string }
