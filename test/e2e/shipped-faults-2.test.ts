/** Every other fault scenario that ships, from the second one on: two files are run at once, and half of them is in each. */
import { SHIPPED, describeFaults } from './shipped-faults.ts'

describeFaults(SHIPPED.filter((_fault, at) => at % 2 === 1))
