"""What is wrong with a corpus, said before the first update: checks, findings, a report."""

from distill.data.doctor.examine import Report as Report
from distill.data.doctor.examine import examine as examine
from distill.data.doctor.examine import require_healthy as require_healthy
from distill.data.doctor.finding import Finding as Finding
from distill.data.doctor.finding import Severity as Severity
