"""What one attempt works on: the clone, set up; made ready at the beginning, and again where a lost sandbox took it."""

from collections.abc import Sequence

from errand_runner.attempt.kit import Kit
from errand_runner.attempt.quarters import Quarters
from errand_runner.footing import tell_footing
from errand_runner.lent_secrets import LentSecrets
from errand_runner.lodging import Lodged
from errand_runner.start import Start


class Ground:
    """One attempt's. `notes` say what became of the working folder since Claude last saw it; `secrets` are what the
    setup script gets. The methods raise AttemptFailed, and SandboxGone: then they are called again in the next one."""

    def __init__(self, kit: Kit, quarters: Quarters, start: Start) -> None:
        self._kit, self._quarters, self._start = kit, quarters, start
        self.secrets = LentSecrets()
        self.notes: list[str] = []
        self._lost = False
        self._told_of_loss: list[str] = []

    async def get_ready(self, lodged: Lodged) -> None:
        """Before the conversation; in the midst of its work where an earlier process of this runner left it."""
        if not (self._kit.recorder.began and await self._quarters.workspace(lodged).take_up()):
            await self._make_ready(lodged, self.notes)
        self._quarters.lived_in = True

    async def settle(self, lodged: Lodged) -> Sequence[str]:
        """Go on where the last sandbox stopped. Where the volume was lost with it: what Claude should know of that."""
        kept = await self._quarters.workspace(lodged).take_up()
        if not self._quarters.lived_in or (kept and not self._lost):
            return ()
        self._lost = True
        await self._make_ready(lodged, self._told_of_loss)
        told, self._told_of_loss, self._lost = self._told_of_loss, [], False
        # Before the conversation goes on they are told as it begins.
        self.notes += told
        return told

    async def _make_ready(self, lodged: Lodged, notes: list[str]) -> None:
        kit = self._kit
        workspace, patience_s = self._quarters.workspace(lodged), kit.means.git_patience.budget_s
        footing = await self._start.clone(workspace, kit.patiently, patience_s=patience_s)
        # Done again, it is a clone that was there.
        notes += await tell_footing(footing, kit.task, kit.recorder)
        await self._start.set_up(lodged[0].supervisor, self.secrets)
