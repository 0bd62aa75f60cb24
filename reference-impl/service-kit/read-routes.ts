/** GET routes: one event, and the queries this service answers. Every answer says where it came from and how fresh it is. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { messageOf } from '../../src/kit/errors.ts'
import { readDemand, type ReadClass } from './freshness/read-class.ts'
import { sendProblem } from './problem.ts'
import {
  readIdentity,
  readQuery,
  type Query,
  type QueryAnswer,
  type ReadContext,
  type Reads,
} from './reads.ts'
import { within } from './within.ts'

const READ_TIMEOUT_MS = 120_000
/** What a reader who says nothing is taken for: one thing is looked at, some are searched for, many are added up. */
const USUAL_CLASS: Readonly<Record<Query['name'], ReadClass>> = {
  Q1: 'analytics',
  Q2: 'analytics',
  Q3: 'analytics',
  Q4: 'critical',
  Q9: 'search',
  Q10: 'analytics',
  Q11: 'critical',
}

export interface ReadRoutesOptions {
  readonly reads: Reads
  /** Of the shape of events that are read. */
  readonly columns: ReadContext['columns']
  readonly log: (line: string) => void
}

export function addReadRoutes(
  app: FastifyInstance,
  { reads, columns, log }: ReadRoutesOptions,
): void {
  const ask = (reply: FastifyReply, asked: Promise<QueryAnswer>): Promise<QueryAnswer | null> =>
    answerOrProblem(reply, asked, log)

  app.get<{ Params: { source: string; id: string } }>(
    '/v1/events/:source/:id',
    async (request, reply) => {
      const { source, id } = request.params
      const read = readIdentity(columns, source, id)
      if (!read.ok) return badRequest(reply, read)
      if (read.query.name !== 'Q4') throw new Error('an identity reads as Q4')
      const { organizationId, transactionId } = read.query
      const asked = readDemand(request.headers, 'critical')
      if (!asked.ok) return badRequest(reply, asked)
      const answer = await ask(reply, reads.lookup(organizationId, transactionId, asked.demand))
      if (answer === null) return reply
      const [event] = answer.rows
      const { stale } = answer.freshness
      if (event !== undefined) return { event, stale }
      return reply.code(404).send({ error: 'NO_SUCH_EVENT', message: 'not readable here', stale })
    },
  )
  app.get<{ Params: { name: string }; Querystring: Record<string, unknown> }>(
    '/v1/queries/:name',
    async (request, reply) => {
      const { name } = request.params
      if (!reads.answers.some((one) => one === name)) {
        const reason = `queries answered here are ${reads.answers.join(', ')}`
        return badRequest(reply, { status: 404, reason })
      }
      const read = readQuery(name, request.query, { columns, nowMs: Date.now() })
      if (!read.ok) return badRequest(reply, read)
      const { explain } = request.query
      if (explain !== undefined && explain !== '1') {
        return badRequest(reply, { status: 400, reason: 'explain must be 1 where it is given' })
      }
      const asked = readDemand(request.headers, USUAL_CLASS[read.query.name])
      if (!asked.ok) return badRequest(reply, asked)
      return await answerQuery(
        reply,
        (query) => ask(reply, reads.query(query, asked.demand)),
        explain === undefined ? read.query : { ...read.query, explain: true },
      )
    },
  )
}

async function answerQuery(
  reply: FastifyReply,
  ask: (query: Query) => Promise<QueryAnswer | null>,
  query: Query,
): Promise<unknown> {
  const startedAtMs = performance.now()
  const answer = await ask(query)
  if (answer === null) return reply
  const { rows, rowsRead, bytesRead, truncated, plan } = answer
  const seconds = (performance.now() - startedAtMs) / 1_000
  return {
    rows,
    meta: { seconds, rowsRead, bytesRead, truncated, ...(plan === undefined ? {} : { plan }) },
    stale: answer.freshness.stale,
  }
}

/** Sets the freshness headers; answers 503 itself and returns null when the store does not. */
export async function answerOrProblem(
  reply: FastifyReply,
  asked: Promise<QueryAnswer>,
  log: (line: string) => void,
): Promise<QueryAnswer | null> {
  try {
    const answer = await within(READ_TIMEOUT_MS, asked)
    const { source, lagS, consistency } = answer.freshness
    void reply.headers({
      'x-data-source': source,
      'x-data-lag-seconds': lagS.toFixed(3),
      'x-consistency-level': consistency,
    })
    return answer
  } catch (error) {
    log(`read failed: ${messageOf(error)}`)
    // A driver's message may name hosts and users: only that the store is away leaves the service.
    void reply.header('retry-after', '1')
    void sendProblem(reply, 503, {
      error: 'STORE_UNAVAILABLE',
      message: 'the store did not answer',
    })
    return null
  }
}

function badRequest(
  reply: FastifyReply,
  read: { readonly status: 400 | 404; readonly reason: string },
): FastifyReply {
  const error = read.status === 404 ? 'NO_SUCH_QUERY' : 'BAD_PARAMETER'
  return sendProblem(reply, read.status, { error, message: read.reason })
}
