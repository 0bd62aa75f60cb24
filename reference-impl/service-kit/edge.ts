/**
 * The HTTP edge every service shares: routes, backpressure, freshness headers, counters. In: an Ingest. Out: a Fastify
 * server that speaks openapi.yaml. It knows no store.
 */
import { createServer } from 'node:http'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import { Admission, type AdmissionLimits } from './admission.ts'
import { addEntityRoute } from './entity-route.ts'
import { ExpressLane } from './express-lane.ts'
import { IngestRequests } from './ingest-request.ts'
import { addIngestRoute } from './ingest-route.ts'
import type { Meters } from './meters.ts'
import { sendProblem } from './problem.ts'
import { addReadRoutes } from './read-routes.ts'
import type { Ingest } from './service.ts'
import { within } from './within.ts'

export interface EdgeLimits extends AdmissionLimits {
  readonly bodyBytesMax: number
  readonly eventsPerRequestMax: number
}

export interface EdgeOptions<Event> {
  readonly ingest: Ingest<Event>
  readonly meters: Meters
  readonly limits: EdgeLimits
  /** Where the cause of a 5xx goes; never the answer itself, which strangers read. */
  readonly log: (line: string) => void
}

/** Longer than any driver or load balancer keeps an idle connection: the side that sends should be the one to close. */
const KEEP_ALIVE_MS = 75_000
const REQUEST_TIMEOUT_MS = 30_000
const PING_TIMEOUT_MS = 1_000
const IDLE_SWEEP_MS = 20

export function buildEdge<Event>(options: EdgeOptions<Event>): FastifyInstance {
  const { ingest, meters, limits } = options
  const admission = new Admission(limits)
  const requests = new IngestRequests({ ingest, meters, limits, admission })
  const express = new ExpressLane({
    requests,
    bodyBytesMax: limits.bodyBytesMax,
    log: options.log,
  })
  const app = Fastify({
    logger: false,
    bodyLimit: limits.bodyBytesMax,
    serverFactory: (handler) => {
      const times = { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: REQUEST_TIMEOUT_MS }
      return createServer(times, (request, response) => {
        if (!express.take(request, response)) handler(request, response)
      })
    },
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 1_024 },
    exposeHeadRoutes: false,
  })
  // A connection that was busy when the stop came turns idle afterwards; left open it would hold up the close.
  app.addHook('preClose', (done) => {
    express.close()
    setInterval(() => {
      app.server.closeIdleConnections()
    }, IDLE_SWEEP_MS).unref()
    done()
  })
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    sendError(error, reply, options.log)
  })
  app.setNotFoundHandler((_request, reply) => {
    void sendProblem(reply, 404, { error: 'NOT_FOUND', message: 'no such route' })
  })

  addIngestRoute(app, requests)
  if (ingest.entities !== undefined) addEntityRoute(app, ingest.entities, options.log)
  addReadRoutes(app, { reads: ingest.reads, columns: ingest.door.columns, log: options.log })
  app.get('/healthz', async (_request, reply) => {
    try {
      await within(PING_TIMEOUT_MS, ingest.ping())
      return { status: 'ok' }
    } catch {
      // The cause may name a host or a user: only that the store is away leaves the service.
      return await reply.code(503).send({ status: 'store unavailable' })
    }
  })
  app.get('/metrics', (_request, reply) => {
    void reply.type('text/plain; version=0.0.4; charset=utf-8').send(
      meters.page({
        queueEvents: admission.events,
        queueBytes: admission.bytes,
        secondary: ingest.secondary(),
        routed: ingest.routed?.() ?? null,
        more: ingest.metrics?.() ?? [],
      }),
    )
  })
  return app
}

function sendError(error: FastifyError, reply: FastifyReply, log: (line: string) => void): void {
  const status = error.statusCode ?? 500
  if (status >= 500) log(`request failed: ${error.message}`)
  // Messages of our own and of Fastify about the request may leave; those of a driver may name hosts and users.
  const known = status < 500
  void sendProblem(reply, status, {
    error: known ? 'BAD_REQUEST' : 'INTERNAL',
    message: known ? error.message : 'the service failed on this request',
  })
}
