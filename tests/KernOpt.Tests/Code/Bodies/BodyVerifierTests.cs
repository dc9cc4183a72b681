using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Code.Bodies;

public sealed class BodyVerifierTests
{
    private static readonly Instruction IndirectJump = HandMade.Assemble(c => c.jmp(rax))[0];

    /// <summary>head: cmp edi, 1; je left — right; both return.</summary>
    private static (FunctionBody Body, BodyBlock Head, BodyBlock Left, BodyBlock Right) Diamond()
    {
        var body = new FunctionBody(HandMade.Function);
        var head = body.NewBlock();
        head.Instructions.AddRange(HandMade.Assemble(c => c.cmp(edi, 1)));
        var left = HandMade.Add(body, HandMade.Return, HandMade.Assemble(c => c.mov(eax, 1)));
        var right = HandMade.Add(body, HandMade.Return, HandMade.Assemble(c => c.mov(eax, 2)));
        head.End = new Terminator.Branch(ConditionCode.e, left, right);
        body.Entries.Add(head);
        body.Rebuild();
        return (body, head, left, right);
    }

    private static void ExpectBroken(string because, Action<FunctionBody, BodyBlock, BodyBlock> plant, bool rebuild = true)
    {
        var (body, head, left, _) = Diamond();
        plant(body, head, left);
        if (rebuild) body.Rebuild();
        var outcome = BodyVerifier.Check(body);
        Assert.False(outcome.IsDone, $"not caught: {because}");
        Assert.Equal(Reasons.BrokenBody, outcome.Refusal.Reason);
        Assert.Contains(because, outcome.Refusal.Detail, StringComparison.Ordinal);
        Assert.False(CodeLayout.Encode(body, HandMade.Start).IsDone);
    }

    [Fact]
    public void Sound_body_passes()
    {
        Assert.True(BodyVerifier.Check(Diamond().Body).IsDone);
        Assert.True(CodeLayout.Encode(Diamond().Body, HandMade.Start).IsDone);
    }

    [Fact]
    public void Successor_that_is_not_laid_out_is_caught() => ExpectBroken("not in the order", (body, _, left) => body.Order.Remove(left), rebuild: false);

    [Fact]
    public void Block_that_is_laid_out_twice_is_caught() => ExpectBroken("twice", (body, _, left) => body.Order.Add(left), rebuild: false);

    [Fact]
    public void Number_that_two_blocks_have_is_caught() => ExpectBroken("the number", (body, head, _) => body.Order.Add(new BodyBlock(head.Id, null)));

    [Fact]
    public void Missing_entry_is_caught() => ExpectBroken("no entry", (body, _, _) => body.Entries.Clear());

    [Fact]
    public void Entry_of_another_body_is_caught() => ExpectBroken("the entry", (body, _, _) => body.Entries.Add(Diamond().Head));

    [Fact]
    public void Jump_among_the_instructions_is_caught() =>
        ExpectBroken("control transfer", (_, head, _) => head.Instructions.AddRange(HandMade.Assemble(c => c.jmp(0x500000))));

    [Fact]
    public void Return_among_the_instructions_is_caught() =>
        ExpectBroken("control transfer", (_, head, _) => head.Instructions.Insert(0, Instruction.Create(Iced.Intel.Code.Retnq)));

    [Fact]
    public void Invalid_instruction_is_caught() => ExpectBroken("invalid", (_, head, _) => head.Instructions.Add(default));

    [Fact]
    public void Instruction_after_one_that_does_not_return_is_caught() =>
        ExpectBroken("goes on after", (_, head, _) => head.Instructions.Insert(0, Instruction.Create(Iced.Intel.Code.Ud2)));

    [Fact]
    public void Way_on_after_an_instruction_that_does_not_return_is_caught() =>
        ExpectBroken("leads on after", (_, head, _) => head.Instructions.Add(Instruction.Create(Iced.Intel.Code.Ud2)));

    [Fact]
    public void Branch_without_a_condition_is_caught() =>
        ExpectBroken("condition", (_, head, left) => head.End = new Terminator.Branch(ConditionCode.None, left, left));

    [Fact]
    public void Counter_branch_by_another_instruction_is_caught() =>
        ExpectBroken("not a counter branch", (_, head, left) => head.End = new Terminator.CounterBranch(IndirectJump, left, left));

    [Fact]
    public void Return_by_another_instruction_is_caught() => ExpectBroken("not a return", (_, head, _) => head.End = new Terminator.Return(IndirectJump));

    [Fact]
    public void Indirect_exit_by_another_instruction_is_caught() =>
        ExpectBroken("not an indirect jump", (_, head, _) => head.End = new Terminator.IndirectExit(Instruction.Create(Iced.Intel.Code.Nopd)));

    [Fact]
    public void Table_with_too_few_cases_is_caught() => ExpectBroken("cases", (_, head, left) =>
    {
        var table = new JumpTable(JumpTableKind.Absolute, new Address(0x600000), [HandMade.Start, HandMade.Start], new Address(1), null);
        head.End = new Terminator.Table(IndirectJump, table, [left], true);
    });

    [Fact]
    public void Flow_that_was_not_rebuilt_is_caught() =>
        ExpectBroken("the flow", (_, head, left) => head.End = new Terminator.Goto(left), rebuild: false);

    [Fact]
    public void Table_whose_base_is_gone_is_refused()
    {
        var (body, head, left, right) = Diamond();
        var table = new JumpTable(JumpTableKind.RelativeToTable, new Address(0x600000), [HandMade.Start, HandMade.Start], new Address(1), new Address(0x400010));
        head.End = new Terminator.Table(IndirectJump, table, [left, right], true);
        body.Rebuild();
        Assert.Equal(Reasons.TableBaseLost, CodeLayout.Encode(body, HandMade.Start).Refusal.Reason);
    }
}
