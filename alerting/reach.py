"""Which living cases a finding could belong to, without looking at all of them."""

from collections import defaultdict

from alerting.case import Case
from alerting.cause import scopes
from detectors.finding import Finding, Verdict
from detectors.scope import ACCOUNT, Scope


class Reach:
    """An index from scopes to the cases that reach them. A flood of unrelated findings stays linear."""

    def __init__(self) -> None:
        self._by_scope: defaultdict[Scope, set[str]] = defaultdict(set)
        self._by_account: defaultdict[str, set[str]] = defaultdict(set)
        self._wide: defaultdict[str, set[str]] = defaultdict(set)  # cases with an account-wide finding
        self._scopes: dict[str, set[Scope]] = {}

    def add(self, case: Case) -> None:
        """Index a case, or what it has reached since it was indexed."""
        reached = set[Scope]().union(*map(scopes, case.findings.values()))
        for scope in reached - self._scopes.get(case.id, set()):
            self._by_scope[scope].add(case.id)
        self._scopes[case.id] = reached | self._scopes.get(case.id, set())
        self._by_account[case.account].add(case.id)
        if any(finding.about.kind == ACCOUNT for finding in case.findings.values()):
            self._wide[case.account].add(case.id)

    def remove(self, case: Case) -> None:
        """Forget a case."""
        for scope in self._scopes.pop(case.id):
            self._by_scope[scope].discard(case.id)
            if not self._by_scope[scope]:
                del self._by_scope[scope]
        for index in (self._by_account, self._wide):
            index[case.account].discard(case.id)

    def near(self, finding: Finding) -> list[str]:
        """Return the ids of the cases that may have the finding's cause, sorted."""
        account = finding.about.account
        near = set(self._wide.get(account, ()))
        if finding.about.kind == ACCOUNT or finding.verdict is Verdict.SILENCE:
            near |= self._by_account.get(account, set())
        for scope in scopes(finding):
            near |= self._by_scope.get(scope, set())
        return sorted(near)
