"""Names of tables as callers wrote them."""


def table_name(text: str) -> str:
    """Return the name of a table from its name or its ARN; an index belongs to its table.

    Examples
    --------
    >>> table_name("items"), table_name("arn:aws:dynamodb:eu-west-1:123456789012:table/items/index/by-guild")
    ('items', 'items')
    """
    name = text.strip()
    if name.startswith("arn:"):
        return name.partition(":table/")[2].partition("/")[0] or name
    return name
