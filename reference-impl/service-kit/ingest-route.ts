/** POST /v1/events through Fastify: whatever the express lane does not take. In: requests. Out: their answers. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { TOKEN_HEADER } from './freshness/read-class.ts'
import type { IngestAnswer, RequestHandler } from './ingest-request.ts'

export const INGEST_PATH = '/v1/events'
export const JSON_TYPE = 'application/json; charset=utf-8'

export function addIngestRoute(app: FastifyInstance, requests: RequestHandler): void {
  // The bytes are parsed where both roads meet.
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body)
  })
  app.post(INGEST_PATH, {
    onRequest: (_request, reply, next) => {
      if (requests.full) send(reply, requests.shedUnread())
      else next()
    },
    handler: (request, reply) => {
      requests.handle((request.body as Buffer | undefined) ?? null, (answer) => {
        send(reply, answer)
      })
    },
  })
}

function send(reply: FastifyReply, answer: IngestAnswer): void {
  if (answer.retryAfterS !== null) void reply.header('retry-after', String(answer.retryAfterS))
  if (answer.token !== undefined) void reply.header(TOKEN_HEADER, answer.token)
  void reply.code(answer.status).header('content-type', JSON_TYPE).send(answer.body)
}
