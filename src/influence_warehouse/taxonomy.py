"""WebOrganizer's 24 topics and 24 formats, and the bins they span.

Source: Wettig et al. 2025, arXiv 2502.10341. The order is alphabetical by slug, so that
`bin_id` is stable: bin_id = topic position * 24 + format position, 0 to 575.
Belongs here: names and numbering. Does not belong here: labels of documents.
"""

from dataclasses import dataclass

TOPICS: tuple[str, ...] = (
    "adult_content", "art_and_design", "crime_and_law", "education_and_jobs",
    "electronics_and_hardware", "entertainment", "fashion_and_beauty", "finance_and_business",
    "food_and_dining", "games", "health", "history_and_geography", "home_and_hobbies",
    "industrial", "literature", "politics", "religion", "science_math_and_technology",
    "social_life", "software", "software_development", "sports_and_fitness",
    "transportation", "travel_and_tourism",
)  # fmt: skip

FORMATS: tuple[str, ...] = (
    "about_org", "about_pers", "academic_writing", "audio_transcript", "comment_section",
    "content_listing", "creative_writing", "customer_support", "documentation", "faq",
    "knowledge_article", "legal_notices", "listicle", "news_article", "news_org",
    "nonfiction_writing", "personal_blog", "product_page", "q_a_forum", "spam_ads",
    "structured_data", "truncated", "tutorial", "user_review",
)  # fmt: skip

_TITLES = {
    "about_org": "About (Org.)",
    "about_pers": "About (Personal)",
    "faq": "FAQ",
    "news_org": "News (Org.)",
    "q_a_forum": "Q&A Forum",
    "spam_ads": "Spam / Ads",
    "truncated": "Incomplete Content",
    "science_math_and_technology": "Science, Math & Tech",
}


@dataclass(frozen=True)
class Bin:
    """One topic x format cell of the taxonomy."""

    bin_id: int
    topic: str
    format: str


def bin_id(topic: str, format: str) -> int:
    """Number of the bin, 0 to 575. Raises ValueError on a slug outside the taxonomy."""
    return TOPICS.index(topic) * len(FORMATS) + FORMATS.index(format)


def bins() -> list[Bin]:
    """All 576 bins in order of `bin_id`."""
    return [Bin(bin_id(topic, format), topic, format) for topic in TOPICS for format in FORMATS]


def title(slug: str) -> str:
    """A slug as people read it: `food_and_dining` -> `Food & Dining`."""
    return _TITLES.get(slug, slug.replace("_and_", " & ").replace("_", " ").title())
