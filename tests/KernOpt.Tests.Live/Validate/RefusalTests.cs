using KernOpt.Target;
using KernOpt.Validate;
using Xunit;

namespace KernOpt.Tests.Live.Validate;

/// <summary>What cannot be compared is refused by its own name and never called valid.</summary>
public sealed class RefusalTests(LoadedSubjects subjects) : IClassFixture<LoadedSubjects>
{
    [Fact]
    public void A_function_that_reads_the_clock_is_refused() => AssertRefused(Reasons.NondeterministicCode, subjects.Copy("reads_clock"));

    [Fact]
    public void A_function_that_never_returns_gives_no_evidence() => AssertRefused(Reasons.NotEnoughEvidence, Short(subjects.Copy("forever")));

    [Fact]
    public void Runs_that_all_fault_alike_are_no_evidence() => AssertRefused(Reasons.NotEnoughEvidence, subjects.Copy("sums") with
    {
        // Every run reads at a null pointer: both fault at the same address, and nothing is learned of what follows.
        Bindings = [new RegisterBinding(Iced.Intel.Register.RDI, 0, 64), new RegisterBinding(Iced.Intel.Register.RSI, 1, 64)],
        Limits = new ValidationLimits { Runs = 500 },
    });

    [Fact]
    public void Too_few_runs_are_no_evidence() => AssertRefused(Reasons.NotEnoughEvidence, subjects.Copy("constant_and_branch") with { Limits = new ValidationLimits { Runs = 10 } });

    [Fact]
    public void A_site_that_is_no_instruction_is_refused()
    {
        var request = subjects.Copy("stores");
        AssertRefused(Reasons.OriginalUnreadable, request with { Original = request.Original with { Site = request.Original.Entry + 1 } });
    }

    [Fact]
    public void Code_that_the_target_has_unmapped_is_refused()
    {
        var request = subjects.Copy("stores");
        AssertRefused(Reasons.OriginalUnreadable, request with { Original = request.Original with { Code = [new AddressRange(new Address(0x1000), 16)] } });
    }

    private static ValidationRequest Short(ValidationRequest request) => request with { Limits = request.Limits with { Runs = 100, Time = TimeSpan.FromMilliseconds(500) } };

    private static void AssertRefused(Reason reason, ValidationRequest request)
    {
        var outcome = VersionValidator.Validate(request);
        Assert.False(outcome.IsDone);
        Assert.Equal(reason, outcome.Refusal.Reason);
    }
}
