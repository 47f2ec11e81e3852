import { openRig } from '../support/fake-drive/rig.ts'
import { providerContract } from './provider-suite.ts'

providerContract('gdrive', async () => {
  const rig = await openRig()
  return {
    provider: rig.provider,
    root: '/My Drive/w',
    readBack: async (path: string) => await Promise.resolve(rig.drive.file(`My Drive/w/${path}`)?.bytes),
    // It becomes somebody else's, who lets the account read it.
    closeFolder: (path: string) => {
      const { store } = rig.drive
      const folder = store.all().find((entry) => store.pathOf(entry) === (path === '' ? 'My Drive/w' : `My Drive/w/${path}`))
      Object.assign(folder ?? {}, { mine: false, role: 'reader' })
    },
    dispose: async () => await rig.close(),
  }
})
