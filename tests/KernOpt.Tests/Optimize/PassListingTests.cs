using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Images;
using KernOpt.Optimize.Facts;
using KernOpt.Optimize.Passes;
using KernOpt.Target;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Optimize;

/// <summary>What each pass makes of a few instructions, and what it leaves alone.</summary>
public sealed class PassListingTests
{
    [Fact]
    public void FoldConstants_KnownResult_BecomesAMove() => Expect(new FoldConstants(),
        a => { a.mov(esi, 16); a.lea(eax, __[rsi + rsi * 2]); },
        "mov esi,10h", "mov eax,30h");

    [Fact]
    public void FoldConstants_FlagsAreRead_KeepsTheInstruction() => Expect(new FoldConstants(),
        a => { a.mov(eax, 16); a.add(eax, 1); a.setc(al); },
        "mov eax,10h", "add eax,1", "mov al,0");

    [Fact]
    public void SubstituteOperands_KnownRegister_BecomesAnImmediateAndADisplacement() => Expect(new SubstituteOperands(),
        a => { a.mov(ecx, 3); a.add(eax, ecx); a.shl(rdx, cl); a.mov(rdi, __[rdi + rcx * 8]); a.mov(__dword_ptr[rdi], ecx); },
        "mov ecx,3", "add eax,3", "shl rdx,3", "mov rdi,[rdi+18h]", "mov dword ptr [rdi],3");

    [Fact]
    public void SubstituteOperands_ValueWiderThanAnImmediate_Stays() => Expect(new SubstituteOperands(),
        a => { a.mov(rcx, 0x123456789abcdef); a.add(rax, rcx); },
        "mov rcx,123456789ABCDEFh", "add rax,rcx");

    [Fact]
    public void ReduceStrength_RemainderBy10_IsTwoMultiplications() => Expect(new ReduceStrength(),
        a => { a.mov(ecx, 10); a.xor(edx, edx); a.div(ecx); a.mov(eax, edx); a.xor(edx, edx); },
        "mov ecx,0Ah", "xor edx,edx", "mov eax,eax", "mov rdx,199999999999999Ah", "imul rax,rdx", "mov edx,0Ah", "mul rdx", "mov eax,edx", "xor edx,edx");

    [Fact]
    public void ReduceStrength_HighHalfUnknown_KeepsTheDivision() => Expect(new ReduceStrength(),
        a => { a.mov(ecx, 10); a.div(ecx); },
        "mov ecx,0Ah", "div ecx");

    [Fact]
    public void ReduceStrength_ProductBy1_StillClearsTheUpperHalf() => Expect(new ReduceStrength(),
        a => { a.imul(edi, edi, 1); a.mov(rax, rdi); a.xor(ecx, ecx); },
        "mov edi,edi", "mov rax,rdi", "xor ecx,ecx");

    [Fact]
    public void ReduceStrength_DivisorZero_StillFaults() => Expect(new ReduceStrength(),
        a => { a.xor(ecx, ecx); a.xor(edx, edx); a.div(ecx); },
        "xor ecx,ecx", "xor edx,edx", "div ecx");

    [Fact]
    public void ReduceStrength_QuotientAndRemainderWithoutAFreeRegister_KeepsTheDivision() => Expect(new ReduceStrength(),
        a => { a.mov(ecx, 10); a.xor(edx, edx); a.div(ecx); },
        "mov ecx,0Ah", "xor edx,edx", "div ecx");

    [Fact]
    public void RemoveDeadInstructions_DropsComputations_KeepsLoadsThatMayFaultAndStores() => Expect(new RemoveDeadInstructions(),
        a => { a.lea(rsi, __[rdi + 8]); a.mov(r8, __[rsi]); a.mov(r9, __[rsp + 8]); a.mov(__[rdi], eax); a.rdtscp(); a.mov(r10d, 1); a.nop(); },
        "lea rsi,[rdi+8]", "mov r8,[rsi]", "mov [rdi],eax", "rdtscp");

    [Fact]
    public void DecideBranches_KnownCondition_BecomesMoveOrNothing() => Expect(new DecideBranches(),
        a => { a.xor(ecx, ecx); a.cmove(rax, rdi); a.cmovne(rdx, rdi); a.cmovne(edx, edi); a.sete(cl); },
        "xor ecx,ecx", "mov rax,rdi", "mov edx,edx", "mov cl,1");

    [Fact]
    public void DecideBranches_LoadByCmov_StillHappens() => Expect(new DecideBranches(),
        a => { a.xor(ecx, ecx); a.cmovne(rax, __[rdi]); },
        "xor ecx,ecx", "cmovne rax,[rdi]");

    [Fact]
    public void DecidedBranch_LeavesAStraightLine()
    {
        var (body, entry) = Body(a => { a.xor(ecx, ecx); a.test(ecx, ecx); });
        var (zero, other) = (Returning(body, a => a.mov(eax, 1)), Returning(body, a => a.mov(eax, 2)));
        entry.End = new Terminator.Branch(ConditionCode.e, zero, other);
        body.Rebuild();
        var context = new PassContext(null, Assumptions.None);
        Assert.Equal(1, new DecideBranches().Run(body, context));
        Assert.Equal(1, new RemoveUnreachableBlocks().Run(body, context));
        Assert.Equal(1, new MergeBlocks().Run(body, context));
        Assert.Equal(["xor ecx,ecx", "test ecx,ecx", "mov eax,1"], Text(Assert.Single(body.Order)));
    }

    [Fact]
    public void ThreadJumps_RingOfEmptyBlocks_Ends()
    {
        var (body, entry) = Body(_ => { });
        var (first, second) = (body.NewBlock(), body.NewBlock());
        entry.End = new Terminator.Goto(first);
        first.End = new Terminator.Goto(second);
        second.End = new Terminator.Goto(first);
        body.Rebuild();
        new ThreadJumps().Run(body, new PassContext(null, Assumptions.None));
        Assert.True(BodyVerifier.Check(body).IsDone);
    }

    [Fact]
    public void OutlineColdBlocks_ColdGoesLast_HotFallsThrough()
    {
        var (body, entry) = Body(a => a.test(edi, edi));
        var (cold, hot) = (Returning(body, a => a.mov(eax, 1)), Returning(body, a => a.mov(eax, 2)));
        entry.End = new Terminator.Branch(ConditionCode.ne, hot, cold);
        (entry.Count, cold.Count, hot.Count) = (100_000, 3, 99_997);
        body.Rebuild();
        Assert.NotEqual(0, new OutlineColdBlocks().Run(body, new PassContext(null, Assumptions.None)));
        Assert.Equal([entry, hot, cold], body.Order);
    }

    [Fact]
    public void OutlineColdBlocks_WithoutCounts_ChangesNothing()
    {
        var (body, entry) = Body(a => a.test(edi, edi));
        var (cold, hot) = (Returning(body, a => a.mov(eax, 1)), Returning(body, a => a.mov(eax, 2)));
        entry.End = new Terminator.Branch(ConditionCode.ne, hot, cold);
        body.Rebuild();
        Assert.Equal(0, new OutlineColdBlocks().Run(body, new PassContext(null, Assumptions.None)));
    }

    /// <summary>A pass that breaks the body is named.</summary>
    [Fact]
    public void PassThatBreaksTheBody_IsNamedInTheRefusal()
    {
        var (body, _) = Body(_ => { });
        var outcome = KernOpt.Optimize.PassPipeline.Run([new Breaking()], body, new PassContext(null, Assumptions.None));
        Assert.Equal(Reasons.PassBrokeBody, outcome.Refusal.Reason);
        Assert.Contains("break-things", outcome.Refusal.Detail);
    }

    private sealed class Breaking : IPass
    {
        public string Id => "break-things";

        public int Run(FunctionBody body, PassContext context)
        {
            body.Order[0].End = new Terminator.Goto(new BodyBlock(99, null));
            return 1;
        }
    }

    private static void Expect(IPass pass, Action<Assembler> write, params string[] expected)
    {
        var (body, entry) = Body(write);
        pass.Run(body, new PassContext(null, Assumptions.None));
        Assert.True(BodyVerifier.Check(body).IsDone);
        Assert.Equal(expected, Text(entry));
    }

    private static (FunctionBody, BodyBlock) Body(Action<Assembler> write)
    {
        var module = new ModuleImage(new TargetModule("m", "", Address.Zero, new AddressRange(Address.Zero, 0), [], false, () => Array.Empty<byte>(), _ => null), []);
        var body = new FunctionBody(new Function(module, new Address(0x1000), 64, ["f"], FunctionOrigin.SymbolTable));
        var entry = Returning(body, write);
        body.Entries.Add(entry);
        body.Rebuild();
        return (body, entry);
    }

    private static BodyBlock Returning(FunctionBody body, Action<Assembler> write)
    {
        var block = body.NewBlock();
        var assembler = new Assembler(64);
        write(assembler);
        block.Instructions.AddRange(assembler.Instructions);
        block.End = new Terminator.Return(Instruction.Create(Iced.Intel.Code.Retnq));
        return block;
    }

    private static string[] Text(BodyBlock block) => [.. block.Instructions.Select(i => i.ToString())];
}
