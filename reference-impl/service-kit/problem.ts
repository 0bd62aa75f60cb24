/** Every answer that is not a success has one form. */
import type { FastifyReply } from 'fastify'

export interface Problem {
  readonly error: string
  readonly message: string
}

export function sendProblem(reply: FastifyReply, status: number, problem: Problem): FastifyReply {
  return reply.code(status).send(problem)
}
