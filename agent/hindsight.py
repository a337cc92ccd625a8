"""The agents of a moment of the past: over their tables of then, judged by the record of then.

The same class, prompts and model as `cli.agents_of`; they change nothing and give no figures of
the whole airline, of which no past is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.judge import Judge
from agent.support import AgentSettings, SupportAgent
from agent.tools import Toolbox
from agent.vectors import QuestionVectors
from pipeline.past import Moment, record_at
from pipeline.schema import Arm, Database
from pipeline.store import ContextStore


@dataclass(frozen=True)
class Hindsight:
    """A customer's world as it was at a moment: the record and both stores."""

    moment: Moment
    customer_id: str
    record: Database
    stores: Mapping[Arm, ContextStore]

    @classmethod
    def of(
        cls,
        database: Database,
        stores: Mapping[Arm, ContextStore],
        moment: Moment,
        customer_id: str,
    ) -> Hindsight:
        """Go back.

        Args:
            stores: both arms' stores as they are now.

        Raises:
            Forgotten: an arm's table does not keep that version any more.
        """
        versions = {arm: moment.arms[arm].version for arm in stores}
        then = {
            arm: store if (version := versions[arm]) is None else store.at(version)
            for arm, store in stores.items()
        }
        return cls(moment, customer_id, record_at(database, moment, customer_id), then)

    def agents(self, vectors: QuestionVectors, settings: AgentSettings) -> dict[Arm, SupportAgent]:
        """Both agents, knowing what they knew."""
        judge = Judge(self.record)
        return {
            arm: SupportAgent(
                Toolbox(store, self.record, None, reports=False), vectors, judge, settings
            )
            for arm, store in self.stores.items()
        }
