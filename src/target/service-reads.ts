/**
 * The user's own service asked for one event at a time. In: the target's read template. Out: found, missing or no
 * answer. What it says is believed only about reads: a service that gives an event back has it.
 */
import { Pool } from 'undici'
import type { AskedEvent, PointReader, ReadAnswer } from '../architecture/evidence.ts'
import type { AnswerCondition } from '../kit/answer-condition.ts'
import { fits, memberOf } from '../kit/answer-condition.ts'
import { messageOf } from '../kit/errors.ts'
import type { Render } from '../shapes/event-template.ts'
import { textTemplate } from '../shapes/event-template.ts'
import { shapes } from '../shapes/registry.ts'
import type { ServiceRequests } from './service-speech.ts'
import { conditionOf } from './service-speech.ts'
import type { ServiceTarget } from './service-target.ts'

export const READ_TIMEOUT_MS = 10_000

/** The identity under the names that every shape has for it. */
function identityFields({ organizationId, transactionId }: AskedEvent): Record<string, string> {
  return Object.fromEntries(
    Object.values(shapes).flatMap(({ columns }) => [
      [columns.source, organizationId],
      [columns.id, transactionId],
    ]),
  )
}

type ReadAudit = Extract<ServiceTarget['audit'], { by: 'reads' }>

export class ServiceReads implements PointReader, AsyncDisposable {
  readonly name: string
  readonly eventsMax: number
  readonly withinS: number
  readonly concurrency: number
  readonly comparesValues: boolean
  readonly #audit: ReadAudit
  readonly #found: AnswerCondition
  readonly #missing: AnswerCondition
  readonly #requests: ServiceRequests
  readonly #path: Render
  readonly #pool: Pool

  constructor(
    name: string,
    audit: ReadAudit,
    made: { readonly target: ServiceTarget; readonly requests: ServiceRequests },
  ) {
    const { target, requests } = made
    const url = new URL(target.url)
    this.name = name
    this.eventsMax = audit.events === 'all' ? Infinity : audit.events
    this.withinS = audit.withinS
    this.concurrency = audit.concurrency
    this.comparesValues = audit.value !== 'none'
    this.#audit = audit
    this.#found = conditionOf(audit.found)
    this.#missing = conditionOf(audit.missing)
    this.#requests = requests
    const base = url.pathname.replace(/\/+$/, '')
    this.#path = textTemplate(base + audit.path, requests.speech.constants, encodeURIComponent)
    this.#pool = new Pool(url.origin, {
      connections: audit.concurrency,
      pipelining: 1,
      connect: {
        timeout: READ_TIMEOUT_MS,
        rejectUnauthorized: true,
        ...(requests.ca === null ? {} : { ca: requests.ca }),
      },
    })
  }

  async read(event: AskedEvent, signal: AbortSignal): Promise<ReadAnswer> {
    signal.throwIfAborted()
    const fields = identityFields(event)
    try {
      const { statusCode, body } = await this.#pool.request({
        method: 'GET',
        path: this.#path(fields),
        headers: { accept: 'application/json', ...this.#requests.headers },
        signal: AbortSignal.any([signal, AbortSignal.timeout(READ_TIMEOUT_MS)]),
      })
      return this.#understand(statusCode, await body.text())
    } catch (error) {
      signal.throwIfAborted()
      return { kind: 'unanswered', because: messageOf(error) || 'no answer' }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy()
  }

  #understand(status: number, text: string): ReadAnswer {
    const answer = parsed(text)
    if (fits(this.#missing, status, answer)) {
      return { kind: 'missing', because: `HTTP ${String(status)}` }
    }
    if (!fits(this.#found, status, answer)) {
      return { kind: 'unanswered', because: `HTTP ${String(status)}` }
    }
    if (!this.comparesValues) return { kind: 'found', value: null }
    const value = memberOf(answer, this.#audit.value)
    // Decimals often travel as text.
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof number === 'number' && !Number.isNaN(number)) return { kind: 'found', value: number }
    const what = value === undefined ? 'no' : 'no number at'
    const because = `${what} \`${this.#audit.value}\` in the answer`
    return { kind: 'found', value: Number.NaN, because }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
