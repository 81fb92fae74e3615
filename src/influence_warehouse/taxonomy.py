"""WebOrganizer's 24 topics and 24 formats, and the bins they span.

Source: Wettig et al. 2025, arXiv 2502.10341. The order is alphabetical by slug, so that
`bin_id` is stable: bin_id = topic position * 24 + format position, 0 to 575.
Belongs here: names and numbering.
"""

from dataclasses import dataclass

_TOPIC_TITLES = {
    "adult_content": "Adult Content", "art_and_design": "Art & Design",
    "crime_and_law": "Crime & Law", "education_and_jobs": "Education & Jobs",
    "electronics_and_hardware": "Electronics & Hardware", "entertainment": "Entertainment",
    "fashion_and_beauty": "Fashion & Beauty", "finance_and_business": "Finance & Business",
    "food_and_dining": "Food & Dining", "games": "Games", "health": "Health",
    "history_and_geography": "History & Geography", "home_and_hobbies": "Home & Hobbies",
    "industrial": "Industrial", "literature": "Literature", "politics": "Politics",
    "religion": "Religion", "science_math_and_technology": "Science, Math & Tech",
    "social_life": "Social Life", "software": "Software",
    "software_development": "Software Development", "sports_and_fitness": "Sports & Fitness",
    "transportation": "Transportation", "travel_and_tourism": "Travel & Tourism",
}  # fmt: skip

_FORMAT_TITLES = {
    "about_org": "About (Org.)", "about_pers": "About (Personal)",
    "academic_writing": "Academic Writing", "audio_transcript": "Audio Transcript",
    "comment_section": "Comment Section", "content_listing": "Content Listing",
    "creative_writing": "Creative Writing", "customer_support": "Customer Support",
    "documentation": "Documentation", "faq": "FAQ", "knowledge_article": "Knowledge Article",
    "legal_notices": "Legal Notices", "listicle": "Listicle", "news_article": "News Article",
    "news_org": "News (Org.)", "nonfiction_writing": "Nonfiction Writing",
    "personal_blog": "Personal Blog", "product_page": "Product Page", "q_a_forum": "Q&A Forum",
    "spam_ads": "Spam / Ads", "structured_data": "Structured Data",
    "truncated": "Incomplete Content", "tutorial": "Tutorial", "user_review": "User Review",
}  # fmt: skip

TOPICS: tuple[str, ...] = tuple(_TOPIC_TITLES)

FORMATS: tuple[str, ...] = tuple(_FORMAT_TITLES)

TITLES = _TOPIC_TITLES | _FORMAT_TITLES
"""Topics and formats as people read them; a label from elsewhere has no other title than itself."""


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
