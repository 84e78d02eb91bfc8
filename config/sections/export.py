"""Where an incident can be exported to, besides the webhooks of ``notify``."""

from pydantic import Field

from config.secret import SecretPlace
from config.sections.section import Section
from config.sections.value_types import HttpUrl, SecretFile, VariableName


class ExportSettings(Section):
    """GitHub, where ``uneri incident --to github:OWNER/REPO`` opens issues; the daemon does not use it."""

    github_url: HttpUrl = Field(
        "https://api.github.com",
        description="base URL of GitHub's REST API; of GitHub Enterprise: https://HOST/api/v3",
    )
    github_token_env: VariableName = Field(
        "UNERI_GITHUB_TOKEN",
        description="environment variable that holds a token that may read and write issues",
    )
    github_token_file: SecretFile | None = Field(None, description="file that holds it instead")

    @property
    def github_token(self) -> SecretPlace:
        """Where the token is."""
        return SecretPlace(self.github_token_env, self.github_token_file)
