/** GET of one entity as it is now: the critical read, from wherever it is fresh enough. */
import type { FastifyInstance } from 'fastify'
import { readOrganization } from './event.ts'
import { readDemand } from './freshness/read-class.ts'
import { sendProblem } from './problem.ts'
import { answerOrProblem } from './read-routes.ts'
import type { EntityReads } from './reads.ts'

const WHOLE = /^\d{1,16}$/

export function addEntityRoute(
  app: FastifyInstance,
  entities: EntityReads,
  log: (line: string) => void,
): void {
  app.get<{ Params: { tenant_id: string; entity_id: string } }>(
    '/v1/entities/:tenant_id/:entity_id',
    async (request, reply) => {
      const tenantId = readOrganization(request.params.tenant_id)
      const entityId = request.params.entity_id
      if (tenantId === null || !WHOLE.test(entityId) || !Number.isSafeInteger(Number(entityId))) {
        const message = 'an entity is named by the UUID of its tenant and a whole number'
        return sendProblem(reply, 400, { error: 'BAD_PARAMETER', message })
      }
      const read = readDemand(request.headers, 'critical')
      if (!read.ok) {
        return sendProblem(reply, 400, { error: 'BAD_PARAMETER', message: read.reason })
      }
      const canonicalId = String(Number(entityId))
      const asked = entities.entity(tenantId, canonicalId, read.demand)
      const answer = await answerOrProblem(reply, asked, log)
      if (answer === null) return reply
      const [entity] = answer.rows
      const { stale } = answer.freshness
      if (entity !== undefined) return { entity, stale }
      return reply
        .code(404)
        .send({ error: 'NO_SUCH_ENTITY', message: 'nothing hot is known of it', stale })
    },
  )
}
