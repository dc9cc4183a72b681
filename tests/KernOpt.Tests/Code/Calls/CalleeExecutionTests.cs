using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Calls;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using KernOpt.Tests.Code.Bodies;
using Xunit;

namespace KernOpt.Tests.Code.Calls;

/// <summary>
/// Whatever is said to be dead, also before calls of functions with conventions of their own, is overwritten with garbage in a running copy of the caller, and nobody may notice.
/// </summary>
[Collection(NativeCode.Name)]
public sealed class CalleeExecutionTests
{
    private const string Source = "callees.c";

    public static TheoryData<string> Options => ["-O2 -mno-red-zone", "-O1 -mno-red-zone", "-O3 -mno-red-zone -mavx2"];

    [Theory, MemberData(nameof(Options))]
    public void Garbage_in_what_is_dead_across_calls_changes_nothing(string options)
    {
        var tried = new Tried(options);
        var spoiledCalls = 0;
        foreach (var name in tried.Program.Names)
        {
            var subject = tried.Subject(name);
            for (var round = 0; round < 20; round++)
            {
                var body = tried.Spoiled(subject, (_, _) => LiveSet.Empty, ref spoiledCalls);
                CopyExecutionTests.ExpectSame(subject, subject.Run(body).Entry, $"round {round}");
            }
        }
        Assert.True(spoiledCalls > 100, $"only {spoiledCalls} times something was dead before a call of a known function");
    }

    /// <summary>The same harness with callees that are said not to look at a register, or the flags. (They hold numbers: garbage for a pointer would end the process.)</summary>
    [Theory]
    [InlineData("odd_registers", Register.R10)]
    [InlineData("flags_as_argument", Register.None)]
    [InlineData("through_a_jump", Register.R11)]
    [InlineData("constant_argument", Register.RDI)]
    public void Callee_that_is_said_not_to_read_something_is_caught(string name, Register forgotten) => ExpectCaught(name, (use, _) => use.Reads & Only(forgotten));

    /// <summary>And with callees that are said to overwrite a register.</summary>
    [Theory]
    [InlineData("kept_in_r11", Register.R11)]
    [InlineData("on_one_path", Register.R8)]
    [InlineData("low_halves_of_vectors", Register.XMM9)]
    [InlineData("values_over_calls", Register.RDX)]
    public void Callee_that_is_said_to_overwrite_something_is_caught(string name, Register forgotten) => ExpectCaught(name, (use, after) => use.Keeps & after & Only(forgotten));

    private static LiveSet Only(Register register) => register == Register.None ? LiveSet.Of(LiveSet.AllFlags) : LiveSet.Of(register);

    private static void ExpectCaught(string name, Func<CalleeUse, LiveSet, LiveSet> planted)
    {
        var tried = new Tried("-O2 -mno-red-zone");
        var subject = tried.Subject(name);
        var ignored = 0;
        var isCaught = Enumerable.Range(0, 40).Any(_ => CopyExecutionTests.Difference(subject.Graph, subject.Run(tried.Spoiled(subject, planted, ref ignored)).Entry, 50) is not null);
        Assert.True(isCaught, $"nothing happened in {name}");
    }

    private sealed class Tried
    {
        private readonly ModuleUses uses;

        public Tried(string options)
        {
            Program = NativeProgram.With(options, Source);
            uses = ModuleUses.Of(Program.Image.Modules[0], Program.Image, f => FunctionParser.Parse(f, Program.Image), CancellationToken.None).Value;
        }

        public NativeProgram Program { get; }

        public Subject Subject(string name) => new(name, FunctionParser.Parse(Program.Image.Find(name).Value, Program.Image).Value, Program, new Random(11));

        /// <summary>
        /// A copy with garbage in every dead thing at one place of each block, as often as not its first call. Planted: what is called dead before a call though it is not, by what is known of the callee, and what is live
        /// after the call.
        /// </summary>
        public FunctionBody Spoiled(Subject subject, Func<CalleeUse, LiveSet, LiveSet> planted, ref int spoiledCalls)
        {
            var body = subject.NewBody();
            var liveness = uses.LivenessOf(subject.Graph);
            foreach (var block in subject.Graph.Blocks)
            {
                var copy = body.Order.Single(b => b.Origin == block.Start);
                var call = block.Instructions.TakeWhile(i => !IsCallOfKnown(i)).Count();
                var index = call < copy.Instructions.Count && subject.Random.Next(2) == 0 ? call : subject.Random.Next(copy.Instructions.Count + 1);
                var live = liveness.Before(block, index);
                if (index < block.Instructions.Length && IsCallOfKnown(block.Instructions[index]))
                {
                    spoiledCalls += live == LiveSet.All ? 0 : 1;
                    live -= planted(uses[new Address(block.Instructions[index].NearBranchTarget)], liveness.Before(block, index + 1));
                }
                copy.Instructions.InsertRange(index, LivenessExecutionTests.Spoilers(live, subject.Random));
            }
            return body;
        }

        private bool IsCallOfKnown(Instruction instruction) => instruction.IsCallNear && uses[new Address(instruction.NearBranchTarget)] != CalleeUse.Unknown;
    }
}
