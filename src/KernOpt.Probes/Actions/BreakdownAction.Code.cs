using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using KernOpt.Probes.Language;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

public sealed partial record BreakdownAction
{
    /// <summary>Scratch registers by their use: rax and rdx are 0 and 1.</summary>
    private const int Key = 2, Slot = 3, Tries = 4, Frame = 5, Value = 6, More = 7;

    private static readonly SlotTable TableOfMarks = new(Table, SlotBits, SlotShift, Probes);

    private static SlotRegisters Search(PassageCode passage) => new(passage.Free(Key), passage.Free(Slot), passage.Free(Tries));

    /// <summary>What a call has come back from is first, what is begun is last: so one point may be all of it.</summary>
    internal override void Emit(PassageCode passage, int words)
    {
        var (graph, point) = (passage.Context.Graph, passage.Context.Point);
        var site = SiteBefore(graph, point);
        if (!IsOwn(graph))
        {
            if (site is not null) EndAtCaller(passage, words);
            if (BeginsAtCaller && CallSitePoints.IsSite(point.Instruction)) BeginAtCaller(passage, words, point.Instruction);
            return;
        }
        if (site is { } call) Return(passage, words, call);
        if (IsEntry(graph, point)) Enter(passage, words, adopts: false);
        if (CallSitePoints.IsSite(point.Instruction))
        {
            if (Adopts || BeginsAtSites) Enter(passage, words, adopts: true);
            Call(passage, point.Instruction, isTail: false);
        }
        if (!FunctionExit.IsAt(point)) return;
        if (!EndsAtCaller) Leave(passage, words);
        else if (point.Block.End != BlockEnd.Return) Call(passage, point.Instruction, isTail: true);
    }

    /// <summary>A call that is not to be measured is not taken for one further in of a call that has left its mark here.</summary>
    internal override void EmitOtherwise(PassageCode passage)
    {
        var code = passage.Code;
        Label found = code.CreateLabel(), done = code.CreateLabel();
        Find(passage, found, done);
        code.Label(ref found);
        FetchFrame(passage);
        code.cmp(passage.Free(Frame), __qword_ptr[passage.Free(Slot) + FrameIn]);
        code.jb(done);
        Release(passage);
        Land(code, ref done);
    }

    /// <summary>The time is taken last.</summary>
    private void Enter(PassageCode passage, int words, bool adopts)
    {
        var code = passage.Code;
        var (slot, frame) = (passage.Free(Slot), passage.Free(Frame));
        Label own = code.CreateLabel(), full = code.CreateLabel(), begin = code.CreateLabel(), done = code.CreateLabel();
        FirstSlot(passage);
        FetchFrame(passage);
        passage.TakeSlot(TableOfMarks, Search(passage), passage.Free(Value), own, full);
        code.jmp(begin);
        Land(code, ref full);
        code.LockedIncrement(passage.Context.SharedWord(NoRoom));
        code.jmp(done);
        Land(code, ref own);
        code.cmp(frame, __qword_ptr[slot + FrameIn]);
        // An adopted call is in its own frame: the mark is its own.
        if (adopts) code.jbe(done);
        else code.jb(done);
        code.LockedIncrement(passage.Context.SharedWord(Replaced));
        Land(code, ref begin);
        code.mov(__qword_ptr[slot + CallFrameIn], 0);
        code.mov(__qword_ptr[slot + FrameIn], frame);
        passage.ReadTimeStamp(rax, rdx);
        code.mov(__qword_ptr[slot + TimeIn], rax);
        code.LockedIncrement(passage.Context.Word(words + Begun));
        Land(code, ref done);
    }

    /// <summary>IsTail: it does not come back, but is over when the function is; only in the outermost call of it, for else it comes back further in.</summary>
    private void Call(PassageCode passage, in Instruction site, bool isTail)
    {
        var code = passage.Code;
        var (slot, frame) = (passage.Free(Slot), passage.Free(Frame));
        Label found = code.CreateLabel(), begin = code.CreateLabel(), done = code.CreateLabel();
        Find(passage, found, done);
        code.Label(ref found);
        FetchFrame(passage);
        code.cmp(frame, __qword_ptr[slot + FrameIn]);
        if (isTail) code.jne(done);
        else code.ja(done);
        code.mov(rax, __qword_ptr[slot + CallFrameIn]);
        code.test(rax, rax);
        code.je(begin);
        code.cmp(frame, rax);
        code.jb(done);
        // The call that is there was left by a jump or an exception.
        code.LockedIncrement(passage.Context.SharedWord(Replaced));
        Land(code, ref begin);
        if ((isTail && site.Op0Kind == OpKind.NearBranch64 ? new Number(site.NearBranchTarget) : CallTarget.Of(site)) is { } target) code.mov(__qword_ptr[slot + TargetIn], passage.Compute(target, Value));
        else code.mov(__qword_ptr[slot + TargetIn], 0);
        code.mov(eax, IdentityOf(site));
        code.mov(__qword_ptr[slot + SiteIn], rax);
        code.mov(__qword_ptr[slot + CallFrameIn], frame);
        passage.ReadTimeStamp(rax, rdx);
        code.mov(__qword_ptr[slot + CallTimeIn], rax);
        Land(code, ref done);
    }

    /// <summary>The time is taken first.</summary>
    private void Return(PassageCode passage, int words, in Instruction site)
    {
        var code = passage.Code;
        var (key, slot, frame, time) = (passage.Free(Key), passage.Free(Slot), passage.Free(Frame), passage.Free(Value));
        Label found = code.CreateLabel(), done = code.CreateLabel();
        passage.ReadTimeStamp(rax, rdx);
        code.mov(time, rax);
        Find(passage, found, done);
        code.Label(ref found);
        FetchFrame(passage);
        code.cmp(frame, __qword_ptr[slot + CallFrameIn]);
        code.jne(done);
        code.mov(eax, IdentityOf(site));
        code.cmp(rax, __qword_ptr[slot + SiteIn]);
        code.jne(done);
        Subtract(passage, time, __qword_ptr[slot + CallTimeIn]);
        code.mov(__qword_ptr[slot + CallFrameIn], 0);
        if (CallTarget.Of(site) is null) AddTo(passage, words + CallSum, time);
        else
        {
            code.mov(key, __qword_ptr[slot + TargetIn]);
            ByTarget(passage, words, done);
        }
        Land(code, ref done);
    }

    /// <summary>Before a call: one through a pointer may be of another function.</summary>
    private void BeginAtCaller(PassageCode passage, int words, in Instruction site)
    {
        var code = passage.Code;
        var other = code.CreateLabel();
        if (CallTarget.Of(site) is { } target)
        {
            var actual = passage.Compute(target, Value);
            code.mov(passage.Free(More), Function.Value);
            code.cmp(actual, passage.Free(More));
            code.jne(other);
        }
        Enter(passage, words, adopts: false);
        Land(code, ref other);
    }

    /// <summary>Control is back: from the function, or from what it ended with a jump to, whose time is that from the jump on.</summary>
    private void EndAtCaller(PassageCode passage, int words)
    {
        var code = passage.Code;
        var (key, slot, frame, time, part) = (passage.Free(Key), passage.Free(Slot), passage.Free(Frame), passage.Free(Value), passage.Free(More));
        Label found = code.CreateLabel(), plain = code.CreateLabel(), done = code.CreateLabel();
        passage.ReadTimeStamp(rax, rdx);
        code.mov(time, rax);
        Find(passage, found, done);
        code.Label(ref found);
        FetchFrame(passage);
        code.cmp(frame, __qword_ptr[slot + FrameIn]);
        code.jne(done);
        code.mov(part, time);
        Subtract(passage, time, __qword_ptr[slot + TimeIn]);
        code.cmp(frame, __qword_ptr[slot + CallFrameIn]);
        code.jne(plain);
        Subtract(passage, part, __qword_ptr[slot + CallTimeIn]);
        code.mov(key, __qword_ptr[slot + TargetIn]);
        Release(passage);
        AddTo(passage, words + Sum, time);
        code.mov(time, part);
        ByTarget(passage, words, done);
        code.jmp(done);
        Land(code, ref plain);
        Release(passage);
        AddTo(passage, words + Sum, time);
        Land(code, ref done);
    }

    /// <summary>Looks for the target, which is where the key was, among the point's, in order, and takes the first that is free; what has no room is added to the place's own.</summary>
    private static void ByTarget(PassageCode passage, int words, Label done)
    {
        var code = passage.Code;
        var (target, entry, tries, time) = (passage.Free(Key), passage.Free(Slot), passage.Free(Tries), passage.Free(Value));
        Label next = code.CreateLabel(), hit = code.CreateLabel(), further = code.CreateLabel();
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, entry, StubAssembler.At(passage.Context.Word(words + Targets))));
        code.mov(tries.Low32(), MostTargets);
        code.Label(ref next);
        code.mov(rax, __qword_ptr[entry]);
        code.cmp(rax, target);
        code.je(hit);
        code.test(rax, rax);
        code.jne(further);
        code.@lock.cmpxchg(__qword_ptr[entry], target);
        code.je(hit);
        code.cmp(rax, target);
        code.je(hit);
        code.Label(ref further);
        code.add(entry, TargetWords * 8);
        code.dec(tries.Low32());
        code.jne(next);
        AddTo(passage, words + CallSum, time);
        code.jmp(done);
        code.Label(ref hit);
        code.@lock.add(__qword_ptr[entry + 8], time);
        code.@lock.inc(__qword_ptr[entry + 16]);
    }

    /// <summary>The time is taken first.</summary>
    private void Leave(PassageCode passage, int words)
    {
        var code = passage.Code;
        var (slot, frame, time) = (passage.Free(Slot), passage.Free(Frame), passage.Free(Value));
        Label found = code.CreateLabel(), unknown = code.CreateLabel(), done = code.CreateLabel();
        passage.ReadTimeStamp(rax, rdx);
        code.mov(time, rax);
        Find(passage, found, unknown);
        code.Label(ref found);
        FetchFrame(passage);
        code.cmp(frame, __qword_ptr[slot + FrameIn]);
        code.jb(done);
        code.ja(unknown);
        Subtract(passage, time, __qword_ptr[slot + TimeIn]);
        Release(passage);
        AddTo(passage, words + Sum, time);
        code.jmp(done);
        Land(code, ref unknown);
        code.LockedIncrement(passage.Context.Word(words + NoEntry));
        Land(code, ref done);
    }

    /// <summary>The mark's times go before its key: whoever reads it sees a time only of the call that it is of.</summary>
    private static void Release(PassageCode passage)
    {
        var (code, slot) = (passage.Code, passage.Free(Slot));
        code.mov(__qword_ptr[slot + TimeIn], 0);
        code.mov(__qword_ptr[slot + CallFrameIn], 0);
        code.mov(__qword_ptr[slot + KeyIn], 0);
    }

    /// <summary>Goes on at "found", which must follow, with the thread's slot; jumps where it has none. Keeps what is in <see cref="Value"/>.</summary>
    private void Find(PassageCode passage, Label found, Label none)
    {
        FirstSlot(passage);
        passage.FindSlot(TableOfMarks, Search(passage), found, none);
    }

    /// <summary>Where the function's return address lies: at its caller, where a call is about to put it, or has had it.</summary>
    private void FetchFrame(PassageCode passage)
    {
        if (IsOwn(passage.Context.Graph)) passage.FetchFrame(passage.Free(Frame));
        else passage.Compute(new BinaryOperation(BinaryOperator.Subtract, new RegisterValue(Register.RSP), new Number(8)), Frame);
    }

    /// <summary>Uses rax.</summary>
    private void FirstSlot(PassageCode passage)
    {
        var code = passage.Code;
        var key = passage.Free(Key);
        passage.FetchThreadNumber(key, ThreadNumberOffset);
        code.mov(rax, (ulong)Identity << 32);
        code.or(key, rax);
        passage.FetchFirstSlot(TableOfMarks, Search(passage));
    }

    /// <summary>Uses rax.</summary>
    private static void Subtract(PassageCode passage, AssemblerRegister64 time, AssemblerMemoryOperand since)
    {
        passage.Code.sub(time, since);
        passage.ZeroIfBelow(time, rax);
    }

    /// <summary>A sum, and the count behind it.</summary>
    private static void AddTo(PassageCode passage, int word, AssemblerRegister64 value)
    {
        passage.Code.LockedAdd(passage.Context.Word(word), value);
        passage.Code.LockedIncrement(passage.Context.Word(word + 1));
    }

    /// <summary>An instruction of its own, since the next one may be another label's.</summary>
    private static void Land(Assembler code, ref Label label)
    {
        code.Label(ref label);
        code.nop();
    }
}
