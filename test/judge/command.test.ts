import { describe, expect, it } from 'vitest'
import { measureCommand } from '../../src/judge/command.ts'
import { staircaseStudy } from '../fixtures/staircase.ts'
import { shippedTriggers } from '../fixtures/triggers.ts'

const { study } = staircaseStudy({ rounds: [] })

function commandOf(id: string, typed: string, rows?: number): string {
  const trigger = shippedTriggers().find((one) => one.id === id)!
  const options = { trigger, study: { ...study, command: typed }, target: 'pg-batch' }
  return measureCommand(rows === undefined ? options : { ...options, rows })
}

describe('the command that would tell', () => {
  it('names scenario, target and what is missing', () => {
    expect(commandOf('E1', 'headroom run quick --target pg-direct')).toBe(
      'headroom run quick --target pg-batch --rates 400',
    )
    expect(commandOf('E3', 'headroom run quick --target pg-direct', 1234.5)).toBe(
      'headroom run quick --target pg-batch --initial-rows 1235',
    )
  })

  it('keeps the flags that say who asks and where the engines are, and no others', () => {
    const typed =
      "headroom run quick --target a,b --profile 'my shop.yaml' --rate=900 --growth 8% --rounds 3 --engines e.yaml --rates 5"
    expect(commandOf('E1', typed)).toBe(
      "headroom run quick --target pg-batch --rates 400 --profile 'my shop.yaml' --rate=900 --growth 8% --engines e.yaml",
    )
  })

  it('takes the scenario as it was typed, for it may be a path', () => {
    expect(commandOf('E5', "headroom run './my load.yaml' -t a")).toBe(
      "headroom run './my load.yaml' --target pg-batch",
    )
    expect(commandOf('E5', 'headroom run --target a ./x.yaml')).toBe(
      'headroom run quick --target pg-batch',
    )
  })

  it.each([
    ['--target a,./own/pg-batch.yaml', './own/pg-batch.yaml'],
    ['-t targets/variants/pg-batch.yml', 'targets/variants/pg-batch.yml'],
    ["--target='/my files/pg-batch.yaml'", "'/my files/pg-batch.yaml'"],
    ['--target ./pg-batch-copy.yaml,pg-batch', 'pg-batch'],
  ])('takes the target of %s as it was typed too', (typed, target) => {
    expect(commandOf('E5', `headroom run quick ${typed}`)).toBe(
      `headroom run quick --target ${target}`,
    )
  })

  it('does not give a flag twice', () => {
    expect(commandOf('E2', 'headroom run quick --target a --rate 900')).toBe(
      'headroom run quick --target pg-batch --rate 400',
    )
  })
})
