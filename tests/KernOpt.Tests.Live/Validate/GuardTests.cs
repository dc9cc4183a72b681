using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Target;
using KernOpt.Validate;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Live.Validate;

/// <summary>Versions that hold for one value of an argument: the guard, its way back, and entries that have none.</summary>
public sealed class GuardTests(LoadedSubjects subjects) : IClassFixture<LoadedSubjects>
{
    private static readonly ImmutableArray<RegisterBinding> Sixteen = [new(Register.RSI, 16, 32)];

    [Fact]
    public void A_guarded_version_is_found_equal_on_both_sides_of_its_guard()
    {
        var report = VersionValidator.Validate(subjects.Assembled("sums", (code, stub) =>
        {
            code.cmp(esi, 16);
            code.jne(stub);
            SumOfSixteen(code);
        }) with { Bindings = Sixteen });
        Assert.True(report.IsDone, report.ToString());
        Assert.InRange(report.Value.Runs.ReturnedBound, 100, report.Value.Runs.Returned - 100);
        Assert.Empty(report.Value.Coverage.VersionNotReached);
        Assert.Equal(report.Value.Coverage.OriginalTotal, report.Value.Coverage.OriginalReached);
    }

    [Fact]
    public void A_guard_that_looks_at_too_few_bits_is_caught() => AssertDiffers(subjects.Assembled("sums", (code, stub) =>
    {
        code.lea(edx, __[rsi - 16]);
        code.test(dl, 31);
        code.jne(stub);
        SumOfSixteen(code);
    }) with { Bindings = Sixteen });

    [Fact]
    public void A_guard_that_accepts_one_value_too_many_is_caught() => AssertDiffers(subjects.Assembled("sums", (code, stub) =>
    {
        code.sub(esi, 16);
        code.cmp(esi, 1);
        code.ja(stub);
        SumOfSixteen(code);
    }) with { Bindings = Sixteen });

    [Fact]
    public void A_version_that_ignores_its_binding_is_caught() => AssertDiffers(subjects.Assembled("sums", (code, _) => SumOfSixteen(code)) with { Bindings = Sixteen });

    [Fact]
    public void A_direct_entry_needs_no_guard_where_the_binding_holds()
    {
        var request = subjects.Assembled("sums", (code, _) => SumOfSixteen(code)) with { Bindings = Sixteen };
        var report = VersionValidator.Validate(request with { Version = request.Version with { IsDirect = true } });
        Assert.True(report.IsDone, report.ToString());
        Assert.Equal(report.Value.Runs.Returned, report.Value.Runs.ReturnedBound);
    }

    [Fact]
    public void A_direct_entry_for_another_value_is_caught()
    {
        var request = subjects.Assembled("sums", (code, _) => SumOfSixteen(code)) with { Bindings = [new(Register.RSI, 17, 32)] };
        AssertDiffers(request with { Version = request.Version with { IsDirect = true } });
    }

    /// <summary>Uses only registers that the original uses, too.</summary>
    private static void SumOfSixteen(Assembler code)
    {
        var next = code.CreateLabel();
        code.mov(eax, 0x1000000);
        code.lea(rdx, __[rdi + 64]);
        code.Label(ref next);
        code.add(eax, __dword_ptr[rdi]);
        code.add(rdi, 4);
        code.cmp(rdi, rdx);
        code.jne(next);
        code.ret();
    }

    private static void AssertDiffers(ValidationRequest request)
    {
        var report = VersionValidator.Validate(request);
        Assert.False(report.IsDone, "the wrong guard was not seen");
        Assert.Equal(Reasons.VersionDiffers, report.Refusal.Reason);
    }
}
