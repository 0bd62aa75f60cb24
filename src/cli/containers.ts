/** Docker as this machine has it: what a run with containers needs before it starts, and what `doctor` says of it. */
import { requireDocker } from '../engines/compose/availability.ts'
import { dockerEnv, plainDocker } from '../kit/docker.ts'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import type { Target } from '../target/target.ts'
import type { OwnProvider } from '../target/up.ts'
import type { Check } from './doctor.ts'

/** A daemon that is there answers in milliseconds; one on another host in a second or two. */
const PATIENCE_MS = 15_000

/** @throws HeadroomError DOCKER_MISSING, DOCKER_NOT_RUNNING, COMPOSE_TOO_OLD where anything is to run in a container */
export async function requireContainers(
  targets: readonly Target[],
  engines: OwnProvider,
): Promise<void> {
  if (targets.some((target) => usesContainers(target, engines))) await requireDockerFor('compose')
}

/** @throws HeadroomError DOCKER_MISSING, DOCKER_NOT_RUNNING, COMPOSE_TOO_OLD */
export async function requireDockerFor(engines: OwnProvider): Promise<void> {
  if (engines !== 'compose') return
  await requireDocker(plainDocker(dockerEnv(process.env), PATIENCE_MS))
}

function usesContainers(target: Target, engines: OwnProvider): boolean {
  if (target.kind === 'service') return false
  const chosen = Object.values(target.engines).map(({ provider }) => provider)
  return engines === 'compose' || chosen.includes('compose')
}

/** Containers are one of three ways to run engines: a machine without them is not incomplete. */
export async function dockerCheck(): Promise<Check> {
  const subject = 'docker'
  try {
    const { server, compose } = await requireDocker(
      plainDocker(dockerEnv(process.env), PATIENCE_MS),
    )
    const finding = `${server}, compose ${compose}: --engines compose can run`
    return { state: 'ok', subject, finding, remedy: null }
  } catch (error) {
    const remedy = error instanceof HeadroomError ? error.hint : null
    const finding = `${messageOf(error)}: --engines compose cannot run`
    return { state: 'warning', subject, finding, remedy }
  }
}
