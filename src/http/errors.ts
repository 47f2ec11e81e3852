import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import { messageOf, UsageError } from '../errors.ts'
import { jsonText } from '../logging/json-text.ts'
import type { Log } from '../model/log.ts'
import { isPassing } from '../streams/outage.ts'
import { HttpProblem, PROBLEM_TYPE, problemJson } from './problem.ts'

interface Answer {
  readonly status: number
  readonly detail: string
  readonly headers?: Readonly<Record<string, string>>
  readonly more?: Readonly<Record<string, unknown>>
}

/** Everything that goes wrong is answered as a problem; what nobody expected is told in the log, and not to who asked. */
export function answerProblems(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const answer = answerTo(error)
    if (answer.status === 500) {
      log.event('service.unexpected', {
        error,
        message: `${request.method} ${request.routeOptions.url ?? 'of no route'}: ${messageOf(error)}`,
      })
    }
    return send(reply, answer)
  })
  app.setNotFoundHandler((request: FastifyRequest, reply) =>
    send(reply, { status: 404, detail: `there is no ${request.method} of this address` }),
  )
}

/** What is wrong before there is a route: an address that can't be decoded, for one. */
export function badAddress(error: FastifyError, _request: unknown, reply: FastifyReply): void {
  void send(reply, answerTo(error))
}

function send(reply: FastifyReply, { status, detail, headers = {}, more }: Answer): FastifyReply {
  return reply
    .code(status)
    .headers(headers)
    .type(PROBLEM_TYPE)
    .send(jsonText(problemJson(status, detail, more)))
}

function answerTo(error: FastifyError): Answer {
  if (error instanceof HttpProblem) return { status: error.statusCode, detail: error.message, headers: error.headers, more: error.more }
  if (error instanceof UsageError) return { status: 400, detail: error.message }
  if (error.validation) {
    const issues = error.validation.map(
      ({ instancePath, message }) => `${instancePath.slice(1).replaceAll('/', '.') || error.validationContext}: ${message}`,
    )
    return { status: 400, detail: issues.join('; ') }
  }
  if (isPassing(error)) return { status: 503, detail: 'MongoDB does not answer now, or not in time', headers: { 'retry-after': '5' } }
  const { statusCode } = error
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) return { status: statusCode, detail: error.message }
  return { status: 500, detail: 'something unexpected happened; see the log of the service' }
}
