/** Every other fault scenario that ships, from the first one on: two files are run at once, and half of them is in each. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { packageRoot } from '../../src/kit/paths.ts'
import { SHIPPED, describeFaults } from './shipped-faults.ts'

it('knows every fault scenario that ships', () => {
  const shipped = readdirSync(join(packageRoot, 'scenarios'))
    .filter((file) => file.startsWith('fault-') && file.endsWith('.yaml'))
    .map((file) => file.replace('.yaml', ''))
  expect([...new Set(SHIPPED.map(({ scenario }) => scenario))].sort()).toEqual(shipped.sort())
})

describeFaults(SHIPPED.filter((_fault, at) => at % 2 === 0))
